package nats

import (
	"cmp"
	"slices"
	"time"

	"github.com/wye-org/wye/hub"
)

// A stored message, with its sequence in the stream, which is its offset, and when
// the server took it.
type stored struct {
	*hub.Message
	at time.Time
}

// tail is what is known of a channel's history: everything that is above floor.
type tail struct {
	epoch epoch
	floor uint64    // messages up to here may be missing
	msgs  []stored  // all that came after floor, the oldest first
	size  int64     // about how much memory they take
	top   uint64    // the newest message there has been, or a position after it
	sure  time.Time // when top was known to be that

	// whole: what is not here is not in the stream either.
	whole bool
}

// begin makes it one that knows of nothing up to a sequence.
func (t *tail) begin(e epoch, after uint64, at time.Time) {
	*t = tail{epoch: e, floor: after, top: after, sure: at}
}

// position is the offset that the hub knows a position of the stream by: 0 is
// before all messages of an epoch.
func (t *tail) position(seq uint64) hub.Position {
	if seq <= t.epoch.Base {
		seq = 0
	}
	return hub.Position{Epoch: t.epoch.ID, Offset: seq}
}

// prev is what a message that comes after all that is here says came before it.
func (t *tail) prev() uint64 { return t.position(t.top).Offset }

// add appends a message that follows top.
func (t *tail) add(m stored) {
	t.msgs = append(t.msgs, m)
	t.size += weight(m)
	t.top = m.Offset
}

// trim takes out what is not to be given out any more: all but the newest size
// messages, and what is older than ttl.
func (t *tail) trim(now time.Time, history hub.History) {
	n := max(0, len(t.msgs)-history.Size)
	for n < len(t.msgs) && now.Sub(t.msgs[n].at) >= history.TTL {
		n++
	}
	t.cut(n)
}

// cut takes the n oldest messages out.
func (t *tail) cut(n int) {
	if n == 0 {
		return
	}
	t.floor = max(t.floor, t.msgs[n-1].Offset)
	for _, m := range t.msgs[:n] {
		t.size -= weight(m)
	}
	clear(t.msgs[:n])
	if t.msgs = t.msgs[n:]; len(t.msgs) == 0 {
		t.msgs = nil
	}
}

// drop takes all messages out, to be read again when they are asked for.
func (t *tail) drop() {
	if len(t.msgs) > 0 {
		t.cut(len(t.msgs))
		t.whole = false
	}
}

// surely reports whether no message can have come after top and grown old since that
// was known: then one that says that nothing was before it follows top.
func (t *tail) surely(s *stream, now time.Time) bool {
	return now.Sub(t.sure) < s.maxAge-sureMargin
}

// sureMargin is for what passes between asking and answering.
const sureMargin = 15 * time.Second

// weight is about how much memory a message takes.
func weight(m stored) int64 { return int64(len(m.Data)+len(m.Key)) + 400 }

// answer answers q. ok is false if messages that are not here may be asked for. The
// tail is trimmed.
func (t *tail) answer(q hub.Query) (page hub.Page, ok bool) {
	page.Top = t.position(t.top)
	found := t.msgs
	after, cutBelow := uint64(0), true // whether what is below floor is asked for
	if q.Since != nil {
		if q.Since.Epoch != t.epoch.ID {
			return page, true // nothing is known to come after it, or before
		}
		after = max(q.Since.Offset, t.epoch.Base)
		page.Complete = after <= max(t.top, t.epoch.Base) && !q.Reverse && after >= t.floor
		cutBelow = q.Reverse || after < t.floor
		i, at := slices.BinarySearchFunc(found, after, func(m stored, offset uint64) int { return cmp.Compare(m.Offset, offset) })
		switch {
		case q.Reverse:
			found = found[:i]
		case at:
			found = found[i+1:]
		default:
			found = found[i:]
		}
	}
	enough := q.Limit == 0 || q.Reverse && q.Limit > 0 && len(found) >= q.Limit
	if cutBelow && !enough && !t.whole {
		return hub.Page{}, false
	}
	n := len(found)
	if q.Limit >= 0 && n > q.Limit {
		n, page.Complete = q.Limit, false
	}
	page.Messages = make([]*hub.Message, n)
	for i := range n {
		if q.Reverse {
			page.Messages[i] = found[len(found)-1-i].Message
		} else {
			page.Messages[i] = found[i].Message
		}
	}
	return page, true
}
