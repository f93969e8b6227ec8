package nats

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// An epoch is one history of a stream. It begins with a message of its own, which
// is at Base and is never too old: when a stream has lost what it stored, it has
// lost that too. The time at which a stream was created says nothing: one in memory
// comes back with the same, and with nothing in it.
//
// Each epoch has a range of sequences to itself, chosen at random, so that the
// sequence of a message says which one it was stored in: what is published into a
// stream that has lost its messages is not taken for what follows them, though
// publisher and subscriber may not know of the loss.
type epoch struct {
	ID   string `json:"epoch"`
	Base uint64 `json:"base"`

	// Replaces is the ID of the one that a claim wants to end.
	Replaces string `json:"replaces,omitempty"`
}

// rangeBits is how many bits a sequence within an epoch has: 17,000 million
// messages. All bits together are 53, so that JavaScript's numbers hold a
// sequence.
const (
	rangeBits = 34
	rangesMax = 1 << (53 - rangeBits)
	jumpMost  = 1 << 14 // how many ranges are left out at the most
)

// has reports whether a sequence is one of the epoch's.
func (e epoch) has(seq uint64) bool {
	return e.ID != "" && seq >= e.Base && seq-e.Base < 1<<rangeBits
}

// newEpoch chooses one that begins after a sequence.
func newEpoch(after uint64, replaces string) (epoch, error) {
	var r [8]byte
	rand.Read(r[:])
	n := after>>rangeBits + 1 + binary.BigEndian.Uint64(r[:])%jumpMost
	if n >= rangesMax {
		return epoch{}, errors.New("hub/nats: the stream's sequences are used up: remove it, and it is made anew")
	}
	return epoch{rand.Text()[:12], n << rangeBits, replaces}, nil
}

// recheck finds out which epoch a stream is in, and begins another if it has none,
// or if it has lost messages that were seen in it. It returns the sequence of the
// stream's last message.
func (l *link) recheck(ctx context.Context, s *stream) (last uint64, err error) {
	err = l.checks.do(ctx, l.start, s.name, func() error {
		ctx, cancel := context.WithTimeout(l.ctx, 3*l.opt.Timeout)
		defer cancel()
		return l.recheckNow(ctx, s)
	})
	return s.high.Load(), err
}

func (l *link) recheckNow(ctx context.Context, s *stream) error {
	was, high := s.current(), s.high.Load()
	is, last, err := l.state(ctx, s)
	if err != nil {
		return l.missing(ctx, s, err)
	}
	end := ""
	if is.ID != "" && (is.ID == was.ID && last < high || s.ended(is.ID)) {
		// The servers have an older state than they had: positions that were
		// given out would come to mean other messages.
		end = is.ID
	}
	if !is.has(last) || end != "" {
		if is, last, err = l.establish(ctx, s, end, max(last, high)); err != nil {
			return err
		}
	}
	l.enter(s, is, last)
	return nil
}

// failed explains an error about a stream, and makes that again if it is gone.
func (l *link) failed(s *stream, err error) error {
	if codeOf(err) == jetstream.JSErrCodeStreamNotFound || errors.Is(err, errLeaderless) {
		// It ends with the answer; if there is an error the next call tells it.
		l.start(func() { l.recheck(l.ctx, s) })
	}
	return explain(err)
}

// missing makes a stream again that was removed.
func (l *link) missing(ctx context.Context, s *stream, err error) error {
	if codeOf(err) != jetstream.JSErrCodeStreamNotFound {
		return explain(err)
	}
	if err := ensure(ctx, l.js, l.configs[s.name]); err != nil {
		return explain(err)
	}
	is, last, err := l.establish(ctx, s, "", s.high.Load())
	if err == nil {
		l.enter(s, is, last)
	}
	return err
}

// enter notes the epoch that a stream is in.
func (l *link) enter(s *stream, is epoch, last uint64) {
	s.mu.Lock()
	was := s.epoch
	if was.ID != is.ID {
		s.high.Store(0)
		s.past = append(s.past[max(0, len(s.past)-pastMost):], was.ID)
	}
	s.epoch = is
	s.mu.Unlock()
	s.saw(last)
	if was.ID != "" && was.ID != is.ID {
		l.opt.Logger.Warn("hub/nats: a stream has lost its messages; its channels begin anew", "stream", s.name, "epoch", is.ID)
		l.r.Back() // so that every channel is looked at
	}
}

// state reads the message at the beginning of the epoch, if there is one, and then
// the stream's last sequence: one that was read before might be of another epoch. An
// error may be JetStream's own.
func (l *link) state(ctx context.Context, s *stream) (is epoch, last uint64, err error) {
	r, err := l.get(ctx, s, getRequest{LastFor: s.epochs})
	if err != nil {
		return epoch{}, 0, err
	}
	if r.seq > 0 && json.Unmarshal(r.data, &is) != nil || is.Base != r.seq {
		is = epoch{}
	}
	is.Replaces = ""
	last, err = l.lastSeq(ctx, s)
	return is, last, err
}

// establish begins an epoch, in place of the one called end or because there is
// none, and returns the one that there is then. Any number of nodes may do so at
// once, and one that ends halfway holds up nobody: whoever comes carries on.
//
// First a claim says where the epoch is to begin: of those who see no valid claim
// one can store it. Then everybody who sees it moves the stream's sequence there,
// which empties the stream, and stores the epoch's message as the first: one can.
func (l *link) establish(ctx context.Context, s *stream, end string, high uint64) (epoch, uint64, error) {
	for range 20 {
		// The claim comes first: one that was stored after an epoch began must
		// not be taken for one that came before.
		c, err := l.get(ctx, s, getRequest{LastFor: s.claims})
		if err != nil {
			return epoch{}, 0, explain(err)
		}
		is, last, err := l.state(ctx, s)
		if err != nil {
			return epoch{}, 0, explain(err)
		}
		if is.ID != "" && is.ID != end && is.has(last) {
			return is, last, nil
		}
		var claim epoch
		if c.seq > 0 && json.Unmarshal(c.data, &claim) == nil && claim.Base > c.seq && claim.Replaces == is.ID {
			err = l.begin(ctx, s, claim)
		} else {
			if claim, err = newEpoch(max(last, high), is.ID); err != nil {
				claim, err = newEpoch(last, is.ID) // what was seen is of a stream that is gone
			}
			if err != nil {
				return epoch{}, 0, err
			}
			err = l.put(ctx, s.claims, claim, "Nats-Expected-Last-Subject-Sequence", c.seq)
		}
		if err != nil {
			return epoch{}, 0, err
		}
	}
	return epoch{}, 0, away(fmt.Sprintf("the stream %s comes to no epoch", s.name))
}

// begin moves the stream to where e begins, and stores its message. That somebody
// else has done so is no error.
func (l *link) begin(ctx context.Context, s *stream, e epoch) error {
	var done struct {
		Success bool `json:"success"`
	}
	// Sequences only grow: where the stream has gone further, nothing of a
	// later epoch is removed.
	err := l.api(ctx, "STREAM.PURGE."+s.name, struct {
		Seq uint64 `json:"seq"`
	}{e.Base}, &done)
	if err != nil {
		return explain(err)
	}
	e.Replaces = ""
	return l.put(ctx, s.epochs, e, "Nats-Expected-Last-Sequence", e.Base-1)
}

// put stores an epoch or a claim, if the header says that it may be.
func (l *link) put(ctx context.Context, subject string, e epoch, header string, seq uint64) error {
	p, err := json.Marshal(e)
	if err != nil {
		return explain(err)
	}
	m := &natsgo.Msg{Subject: subject, Data: p, Header: natsgo.Header{}}
	m.Header.Set("Nats-TTL", "never")
	m.Header.Set(header, strconv.FormatUint(seq, 10))
	_, err = l.store(ctx, m)
	if code := codeOf(err); code == codeWrongLast || code == codeWrongLastConstant {
		return nil // somebody else was first
	}
	return explain(err)
}
