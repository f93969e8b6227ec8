package wire

import (
	"strings"
	"testing"
)

// FuzzLimits: whatever bytes come and in whatever order the calls, a Receiver
// holds no more than its limits, reports nothing after the end, and what the
// Sender answers is bounded and well-formed.
func FuzzLimits(f *testing.F) {
	for _, masked := range []bool{false, true} {
		f.Add([]byte(strings.Repeat(byHand(binPart, masked, "x")+byHand(ping, masked, "ping"), 3)), []byte{9, 200, 0, 3})
		f.Add([]byte(strings.Repeat(byHand(ping, masked, strings.Repeat("p", 125)), 20)), []byte{255, 64, 2})
		f.Add([]byte(byHand(bin, masked, strings.Repeat("x", 9_000))+byHand(cls, masked, "\x03\xe8bye")), []byte{255, 255, 4, 1})
		f.Add([]byte(byHand(txt, masked, strings.Repeat("κ", 3_000))+byHand(0x83, masked, "")), []byte{77, 5, 255})
	}
	f.Add([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff....xxxx"), []byte{3})
	f.Fuzz(func(t *testing.T, input, calls []byte) {
		for _, client := range []bool{false, true} {
			l := limited{t: t, size: len(input)}
			l.opt = Options{Client: client, MaxMessage: 10_000, MaxFragments: 5, Alloc: l.alloc}
			l.in, l.out = NewReceiver(&l.opt), NewSender(&l.opt)
			l.live(input, calls)
		}
	})
}

// limited is a connection whose limits are watched.
type limited struct {
	t      *testing.T
	opt    Options
	in     Receiver
	out    Sender
	size   int // of the input
	came   int // of the input so far
	events int
	chunk  int // bytes of the message in chunks
}

func (l *limited) alloc(size int) []byte {
	if size > l.opt.MaxMessage || size > max(growth*l.came, bufferMin) {
		l.t.Fatalf("%d bytes asked for after %d came", size, l.came)
	}
	return make([]byte, size)
}

// live feeds input by the calls that calls say.
func (l *limited) live(input, calls []byte) {
	scratch := make([]byte, 2048)
	for i := 0; len(input) > 0; i++ {
		call := byte(255)
		if len(calls) > 0 {
			call = calls[i%len(calls)]
		}
		space := l.in.Space(scratch[:min(int(call)*8, len(scratch))])
		if len(space) == 0 {
			l.t.Fatal("no space")
		}
		n := copy(space, input[:min(1+int(call)*8, len(input))])
		if call%7 == 6 && i%2 == 0 {
			continue // a read that was given up
		}
		input, l.came = input[n:], l.came+n
		l.in.Received(n)
		l.in.Stream = call&16 != 0
		l.in.Allow(int(call) * 64)
		if call%5 == 4 && i%2 == 0 {
			continue // Space comes next, too early
		}
		for ev := l.in.Next(); ev.Kind != None; ev = l.in.Next() {
			l.judge(ev)
		}
		if l.in.Undone() {
			continue // Space comes next, too early
		}
		if cap(l.in.kept) > 2*MinScratch || l.in.buf != nil || l.in.Buffered() != 0 {
			l.t.Fatalf("keeps %d bytes, and scratch: %v", cap(l.in.kept), l.in.buf != nil)
		}
	}
}

func (l *limited) judge(ev Event) {
	if l.events++; l.events > l.size+1 {
		l.t.Fatal("more events than bytes")
	}
	if l.chunk += len(ev.Data); ev.Kind != Chunk {
		l.chunk -= len(ev.Data)
	}
	if len(ev.Data) > l.opt.MaxMessage || l.chunk > l.opt.MaxMessage || l.in.frames > l.opt.MaxFragments {
		l.t.Fatalf("%d bytes, %d in chunks, %d fragments", len(ev.Data), l.chunk, l.in.frames)
	}
	if ev.Final {
		l.chunk = 0
	}
	last := ev.Kind == Close || ev.Kind == Failed
	if last != l.in.Done() {
		l.t.Fatalf("%v, and done is %v", ev.Kind, l.in.Done())
	}
	l.out.Apply(ev, 0)
	if !last && ev.Kind != Ping {
		return
	}
	replies := l.out.AppendReplies(nil, 0)
	if len(replies) > 2*(6+MaxControl) || len(replies) == 0 {
		l.t.Fatalf("%d bytes of replies", len(replies))
	}
	if heard := hear(&Options{Client: !l.opt.Client}, string(replies), whole); strings.Contains(heard, "failed") || heard == "" {
		l.t.Fatalf("replied %q: %s", replies, heard)
	}
}
