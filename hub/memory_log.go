package hub

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"
)

// A log is a channel of a [Memory]: its history and its members.
type log struct {
	Channel
	epoch string

	// The Memory's mu guards these.
	idle      *list.Element // nil: a node subscribes it
	idleSince time.Time
	at        time.Time // when to look at it
	place     int       // in the schedule; -1: it is not there

	// mu guards what is below. It is held while a message is handed to the
	// nodes, which gives all of them one order.
	mu       sync.Mutex
	dropped  bool
	top      uint64 // the newest offset there has been
	lost     uint64 // the newest offset that was removed
	messages []*Message
	keys     map[string]Receipt
	keyAges  []keyAge // in the order of their age
	nodes    []*memoryLink
	members  map[string]memoryMember
}

type keyAge struct {
	key string
	at  time.Time
}

type memoryMember struct {
	Member
	node *memoryLink
}

// store appends m to the history.
func (l *log) store(m *Message, key string) Receipt {
	m.Position, m.Prev = Position{l.epoch, l.top + 1}, l.top
	l.top++
	l.messages = append(l.messages, m)
	l.trim(len(l.messages) - l.Namespace.History.Size)
	r := Receipt{Position: m.Position}
	if key != "" {
		if l.keys == nil {
			l.keys = map[string]Receipt{}
		}
		l.keys[key] = r
		l.keyAges = append(l.keyAges, keyAge{key, m.Time})
	}
	return r
}

func (l *log) enter(who Member, node *memoryLink) {
	if l.members == nil {
		l.members = map[string]memoryMember{}
	}
	l.members[who.ID] = memoryMember{who, node}
}

// trim removes the n oldest messages.
func (l *log) trim(n int) {
	if n <= 0 {
		return
	}
	l.lost = l.messages[n-1].Offset
	clear(l.messages[:n])
	if l.messages = l.messages[n:]; len(l.messages) == 0 {
		l.messages = nil
	}
}

// expire removes what is too old at now, and returns how many idempotency keys
// that were.
func (l *log) expire(now time.Time) (keys int) {
	n := 0
	for n < len(l.messages) && !l.messages[n].Time.Add(l.Namespace.History.TTL).After(now) {
		n++
	}
	l.trim(n)
	for keys < len(l.keyAges) && !l.keyAges[keys].at.Add(IdempotencyWindow).After(now) {
		delete(l.keys, l.keyAges[keys].key)
		keys++
	}
	if l.keyAges = l.keyAges[keys:]; len(l.keyAges) == 0 {
		l.keyAges = nil
	}
	for id, m := range l.members {
		if ends := m.node.lease(l.Namespace.Presence.TTL); !ends.IsZero() && !ends.After(now) {
			delete(l.members, id)
		}
	}
	return keys
}

// next is when something in l will be too old; zero: there is nothing.
func (l *log) next() (at time.Time) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if len(l.messages) > 0 {
		earlier(l.messages[0].Time.Add(l.Namespace.History.TTL))
	}
	if len(l.keyAges) > 0 {
		earlier(l.keyAges[0].at.Add(IdempotencyWindow))
	}
	for _, m := range l.members {
		if ends := m.node.lease(l.Namespace.Presence.TTL); !ends.IsZero() {
			earlier(ends)
		}
	}
	return at
}

// read answers q.
func (l *log) read(q Query) Page {
	page := Page{Top: Position{l.epoch, l.top}}
	found := l.messages
	if q.Since != nil {
		known := q.Since.Epoch == l.epoch && q.Since.Offset <= l.top
		page.Complete = known && !q.Reverse && q.Since.Offset >= l.lost
		i, at := slices.BinarySearchFunc(found, q.Since.Offset, func(m *Message, offset uint64) int { return cmp.Compare(m.Offset, offset) })
		switch {
		case q.Since.Epoch != l.epoch: // nothing is known to come after it, or before
			found = nil
		case q.Reverse:
			found = found[:i]
		case at:
			found = found[i+1:]
		default:
			found = found[i:]
		}
	}
	found = slices.Clone(found)
	if q.Reverse {
		slices.Reverse(found)
	}
	if q.Limit >= 0 && len(found) > q.Limit {
		found, page.Complete = found[:q.Limit:q.Limit], false
	}
	page.Messages = found
	return page
}
