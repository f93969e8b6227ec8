package websocket

import (
	"slices"
	"sync"

	"github.com/wye-org/wye/websocket/wire"
)

// frames is part of a queue: what is to be sent, in order. Small frames are
// copied one behind the other; large payloads lie where they are, between them.
type frames struct {
	b        []byte
	large    []large
	larges   int // bytes of them
	sent     int // bytes, from the start, that the kernel has
	messages int

	by wire.Instant // when a looped Conn has to have sent all; 0: nothing is late
}

// large is a payload in memory of its own, to be sent after b[:at].
type large struct {
	at   int
	p    []byte
	lent bool // p is a caller's of Write, until that returns; else it does not change
	ours bool // p is given back once it was sent
}

// largeBytes is how long a payload has to be for that: to copy a shorter one is
// cheaper than to tell the kernel of another part.
const largeBytes = 8 << 10

// mostParts is how many parts are sent in one call.
const mostParts = 16

var framesPool = sync.Pool{New: func() any { return new(frames) }}

// free takes f back.
func (f *frames) free() {
	for i := range f.large {
		f.large[i].free()
	}
	b := f.b[:0]
	if cap(b) > 256<<10 {
		giveBuffer(b)
		b = nil
	}
	parts := f.large[:0]
	if cap(parts) > mostParts {
		parts = nil
	}
	*f = frames{b: b, large: parts}
	framesPool.Put(f)
}

func (l *large) free() {
	if l.ours {
		giveBuffer(l.p)
	}
	*l = large{}
}

// grow makes room for n more bytes in b.
func (f *frames) grow(n int) {
	if cap(f.b)-len(f.b) >= n {
		return
	}
	b := append(takeBuffer(max(len(f.b)+n, 4<<10))[:0], f.b...)
	giveBuffer(f.b)
	f.b = b
}

// left returns how many bytes the kernel does not have yet.
func (f *frames) left() int { return len(f.b) + f.larges - f.sent }

// add puts l behind all there is.
func (f *frames) add(l large) {
	l.at = len(f.b)
	f.large = append(f.large, l)
	f.larges += len(l.p)
}

// lends returns the length of the last payload, if it is only lent.
func (f *frames) lends() int {
	if n := len(f.large); n > 0 && f.large[n-1].lent {
		return len(f.large[n-1].p)
	}
	return 0
}

// keep copies what was only lent, as far as it is still to be sent: who lent it
// takes it back.
func (f *frames) keep() {
	before := 0 // bytes of the larges before
	for i := range f.large {
		l := &f.large[i]
		n := len(l.p)
		if l.lent {
			gone := min(max(f.sent-l.at-before, 0), n)
			l.p = append(takeBuffer(n - gone)[:0], l.p[gone:]...)
			l.lent, l.ours = false, true
			f.larges -= gone
			f.sent -= gone
			n -= gone
		}
		before += n
	}
}

// join puts q, of which nothing was sent, behind all there is, and takes it back.
func (f *frames) join(q *frames) {
	for _, l := range q.large {
		l.at += len(f.b)
		f.large = append(f.large, l)
	}
	f.larges += q.larges
	f.grow(len(q.b))
	f.b = append(f.b, q.b...)
	f.messages += q.messages
	clear(q.large)
	q.large = q.large[:0]
	q.free()
}

// parts appends to v what is still to be sent, in order, as far as its capacity
// goes.
func (f *frames) parts(v [][]byte) [][]byte {
	skip, from := f.sent, 0
	for _, l := range f.large {
		v, skip = appendPart(v, f.b[from:l.at], skip)
		v, skip = appendPart(v, l.p, skip)
		from = l.at
	}
	v, _ = appendPart(v, f.b[from:], skip)
	return v
}

// appendPart appends p without the skip bytes that were sent, and returns how many
// of those are further on.
func appendPart(v [][]byte, p []byte, skip int) ([][]byte, int) {
	switch {
	case skip >= len(p):
		return v, skip - len(p)
	case len(v) < cap(v):
		v = append(v, p[skip:])
	}
	return v, 0
}

// joined returns what is to be sent in one piece, on a connection that sends no
// other way.
func (f *frames) joined() []byte {
	if len(f.large) == 0 {
		return f.b[f.sent:]
	}
	return slices.Concat(f.parts(make([][]byte, 0, 2*len(f.large)+1))...)
}
