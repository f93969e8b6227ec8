package wire

import (
	"strings"
	"testing"
	"unsafe"
)

// A header that promises a message of the limit holds next to nothing until
// the message comes, and then a multiple of what came.
func TestLyingHeader(t *testing.T) {
	const limit = 16 << 20
	largest := 0
	opt := &Options{MaxMessage: limit, Alloc: func(size int) []byte {
		largest = max(largest, size)
		return make([]byte, size)
	}}
	for _, first := range []byte{bin, binPart} {
		largest = 0
		in := NewReceiver(opt)
		scratch := make([]byte, 4096)
		rest := byHand(first, true, strings.Repeat("x", limit))
		const header = 14
		rest = feed(&in, scratch, rest[:header]) + rest[header:]
		wantKind(t, &in, None)
		if largest != 0 {
			t.Fatalf("%d bytes for a header", largest)
		}
		came := 0
		for step := 1; len(rest) > 0; step = min(step*2, len(rest)) {
			n := copy(in.Space(scratch), rest[:min(step, len(rest))])
			in.Received(n)
			rest, came = rest[n:], came+n
			in.Next()
			if bound := max(growth*came, bufferMin); largest > bound {
				t.Fatalf("%d bytes held after %d came", largest, came)
			}
			step = max(n, 1)
		}
		if largest > limit {
			t.Errorf("%d bytes for a message of %d", largest, limit)
		}
	}
}

// A message in the most and smallest fragments costs no more than twice its
// size, and few copies.
func TestManyFragments(t *testing.T) {
	held, grown := 0, 0
	in := NewReceiver(&Options{Alloc: func(size int) []byte {
		held, grown = size, grown+1
		return make([]byte, size)
	}})
	scratch := make([]byte, 64<<10)
	frame := byHand(more, true, "x")
	feed(&in, scratch, byHand(binPart, true, "x"))
	wantKind(t, &in, None)
	for range 60_000 {
		feed(&in, scratch, frame)
		wantKind(t, &in, None)
	}
	if held > 128<<10 || grown > 10 {
		t.Errorf("%d bytes after growing %d times", held, grown)
	}
}

// After the end a Receiver holds nothing.
func TestNothingHeldAfterTheEnd(t *testing.T) {
	for _, end := range []string{byHand(cls, true, ""), byHand(0x83, true, "")} {
		in := NewReceiver(nil)
		feed(&in, make([]byte, 4096), byHand(binPart, true, "gathered")+end+"rest")
		for in.Next().Kind != None {
		}
		if in.msg != nil || in.buf != nil || in.kept != nil {
			t.Errorf("holds %d, %d and %d bytes", cap(in.msg), cap(in.buf), cap(in.kept))
		}
	}
}

// An Alloc that gives too little is not relied on.
func TestShortAlloc(t *testing.T) {
	for _, short := range []int{0, 1, 100, 5000} {
		in := NewReceiver(&Options{Alloc: func(size int) []byte { return make([]byte, min(short, size)) }})
		p := strings.Repeat("x", 100_000)
		scratch := make([]byte, 4096)
		reads := 0
		for rest := byHand(bin, true, p); len(rest) > 0 && reads < 100; reads++ {
			rest = feed(&in, scratch, rest)
			if ev := in.Next(); ev.Kind == Message && string(ev.Data) != p {
				t.Error("differs")
			}
		}
		if in.op != OpContinuation || reads > 20 {
			t.Errorf("Alloc gives %d bytes: %d reads", short, reads)
		}
	}
}

// An idle connection is a Receiver and a Sender: what they weigh is what very
// many connections weigh.
func TestWeight(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("said for 64 bits")
	}
	if got := unsafe.Sizeof(Receiver{}) + unsafe.Sizeof(Sender{}); got > 400 {
		t.Errorf("%d bytes", got)
	}
}

// A client's own source of masking keys is a strong one: "…the masking key MUST
// be derived from a strong source of entropy". RFC 6455 §5.3.
func TestDefaultMaskKey(t *testing.T) {
	out := NewSender(&Options{Client: true})
	seen := map[string]bool{}
	for range 100 {
		b, _ := out.AppendMessage(nil, OpBinary, []byte("payload"))
		seen[string(b[2:6])] = true
	}
	if len(seen) < 99 {
		t.Errorf("%d keys in 100 frames", len(seen))
	}
}
