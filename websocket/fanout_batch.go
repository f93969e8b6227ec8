package websocket

import (
	"sync"

	"github.com/wye-org/wye/websocket/wire"
)

// batch is messages that a part of a Fanout gives to its members together. It
// belongs to the goroutine that serves these.
type batch struct {
	messages []*Prepared
	forms    []batchForm // the few that the members have, made as they are asked for
}

// batchForm is a batch as members see it who have agreed on the same.
type batchForm struct {
	form wire.Form
	b    []byte // the frames, one after the other: of a single one the message's own
	ends []int  // where each ends in b
}

// batchBytes bounds the payload of a batch of more than one message: what a member
// gets in one piece.
const batchBytes = 64 << 10

var batches = sync.Pool{New: func() any { return new(batch) }}

// in returns b in a form.
func (b *batch) in(form wire.Form) *batchForm {
	for i := range b.forms {
		if b.forms[i].form == form {
			return &b.forms[i]
		}
	}
	n := len(b.forms)
	if n < cap(b.forms) {
		b.forms = b.forms[:n+1] // with the ends of one that was
	} else {
		b.forms = append(b.forms, batchForm{})
	}
	f := &b.forms[n]
	f.form = form
	f.fill(b.messages)
	return f
}

func (f *batchForm) fill(messages []*Prepared) {
	f.ends = f.ends[:0]
	if len(messages) == 1 {
		f.b = messages[0].frame.Frame(f.form)
		f.ends = append(f.ends, len(f.b))
		return
	}
	n := 0
	for _, p := range messages {
		n += len(p.frame.Frame(f.form))
		f.ends = append(f.ends, n)
	}
	f.b = takeBuffer(n)[:0]
	for _, p := range messages {
		f.b = append(f.b, p.frame.Frame(f.form)...)
	}
}

// start returns where the frame of message i begins.
func (f *batchForm) start(i int) int {
	if i == 0 {
		return 0
	}
	return f.ends[i-1]
}

// left is the part of a message's frame that a member's kernel would not take.
func (f *batchForm) left(from, to int) *frames {
	left := framesPool.Get().(*frames)
	left.messages = 1
	if rest := f.b[from:to]; len(f.ends) == 1 && len(rest) >= largeBytes {
		left.add(large{p: rest}) // the message's own memory
	} else {
		left.grow(len(rest))
		left.b = append(left.b, rest...)
	}
	return left
}

// free gives back what b holds.
func (b *batch) free() {
	for i := range b.forms {
		if len(b.messages) > 1 {
			giveBuffer(b.forms[i].b)
		}
		b.forms[i].b = nil
	}
	clear(b.messages)
	b.messages, b.forms = b.messages[:0], b.forms[:0]
	batches.Put(b)
}
