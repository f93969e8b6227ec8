package websocket

import (
	"math/bits"

	"github.com/wye-org/wye/websocket/wire"
)

// wheel is the connections of an event loop by when they are to be looked at: a
// slot for each span of 2^25 ns, 34 ms, and 1,024 of them, which is 34 s. Who is
// due later is looked at before, and put back. A connection is late by a span at
// the most, and never early. The zero wheel is ready.
type wheel struct {
	slots [wheelSlots]*Conn // the first of each, linked by later and sooner
	used  [wheelSlots / 64]uint64
	at    int64 // the last span that was turned
}

const (
	wheelSlots = 1 << 10
	wheelShift = 25
)

// add has c looked at when it is due, or sooner if that was asked for.
func (w *wheel) add(c *Conn, due wire.Instant) {
	span := int64(due>>wheelShift) + 1 // it has passed by then
	span = min(max(span, w.at+1), w.at+wheelSlots-1)
	if c.span != 0 && c.span <= span {
		return // it will ask again then
	}
	w.remove(c)
	c.span = span
	i := span % wheelSlots
	if c.later = w.slots[i]; c.later != nil {
		c.later.sooner = c
	}
	w.slots[i] = c
	w.used[i/64] |= 1 << (i % 64)
}

// remove has c not be looked at.
func (w *wheel) remove(c *Conn) {
	if c.span == 0 {
		return
	}
	i := c.span % wheelSlots
	if c.sooner != nil {
		c.sooner.later = c.later
	} else if w.slots[i] = c.later; c.later == nil {
		w.used[i/64] &^= 1 << (i % 64)
	}
	if c.later != nil {
		c.later.sooner = c.sooner
	}
	c.later, c.sooner, c.span = nil, nil, 0
}

// turn appends those who are due to dst, and removes them.
func (w *wheel) turn(dst []*Conn, now wire.Instant) []*Conn {
	for to := int64(now >> wheelShift); w.at < to; {
		next := w.next()
		if next == 0 || next > to {
			w.at = to
			break
		}
		w.at = next
		for i := next % wheelSlots; w.slots[i] != nil; {
			dst = append(dst, w.slots[i])
			w.remove(w.slots[i])
		}
	}
	return dst
}

// next returns the span in which somebody is due first; 0: nobody is.
func (w *wheel) next() int64 {
	from := w.at + 1
	for n := int64(0); n <= wheelSlots; {
		i := (from + n) % wheelSlots
		if word := w.used[i/64] >> (i % 64); word != 0 {
			return from + n + int64(bits.TrailingZeros64(word))
		}
		n += 64 - i%64
	}
	return 0
}

// due returns when turn has something to do; 0: never.
func (w *wheel) due() wire.Instant { return wire.Instant(w.next() << wheelShift) }
