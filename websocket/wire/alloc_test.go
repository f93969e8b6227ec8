//go:build !race

package wire

// The race detector allocates of its own; without it, these hold.

import (
	"strings"
	"testing"
)

// Small messages in and out allocate nothing, nor do pings and pongs.
func TestNoAllocations(t *testing.T) {
	for _, client := range []bool{false, true} {
		opt := &Options{Client: client, MaskKey: func() uint32 { return 0x01020304 }}
		in, out := NewReceiver(opt), NewSender(opt)
		scratch, dst := make([]byte, 4096), make([]byte, 0, 8192)
		input := []byte(byHand(txt, !client, "κόσμε") + byHand(bin, !client, strings.Repeat("x", 1000)) +
			byHand(ping, !client, "ping") + byHand(pong, !client, "pong") + byHand(bin, !client, ""))
		prepared := Prepare(OpText, []byte("prepared"))
		if n := testing.AllocsPerRun(100, func() {
			in.Received(copy(in.Space(scratch), input))
			dst = dst[:0]
			for ev := in.Next(); ev.Kind != None; ev = in.Next() {
				if out.Apply(ev, 1); ev.Kind == Message {
					dst, _ = out.AppendMessage(dst, ev.Op, ev.Data)
				}
			}
			dst, _ = out.AppendPrepared(dst, prepared)
			dst, _ = out.AppendFragment(dst, OpText, scratch[:10], false)
			dst, _ = out.AppendFragment(dst, OpText, scratch[:10], true)
			out.Ping(scratch[:8])
			dst = out.AppendReplies(dst, 2)
		}); n != 0 {
			t.Errorf("client %v: %v allocations", client, n)
		}
		if len(dst) < 1000 {
			t.Fatalf("only %d bytes were sent", len(dst))
		}
	}
}

// Nor does a control frame that comes in two parts, after the first.
func TestSplitControlFrameAllocatesNothing(t *testing.T) {
	in := NewReceiver(nil)
	scratch := make([]byte, 512)
	frame := []byte(byHand(ping, true, "12345678"))
	if n := testing.AllocsPerRun(100, func() {
		in.Received(copy(in.Space(scratch), frame[:9]))
		in.Next()
		in.Received(copy(in.Space(scratch), frame[9:]))
		in.Next()
		in.Next()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Nor does a client's default source of masking keys.
func TestDefaultMaskKeyAllocatesNothing(t *testing.T) {
	out := NewSender(&Options{Client: true})
	dst, p := make([]byte, 0, 64), []byte("payload")
	if n := testing.AllocsPerRun(100, func() { dst, _ = out.AppendMessage(dst[:0], OpBinary, p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Nor do compressed messages, in and out, short and long, whole and in parts,
// once the windows have grown.
func TestCompressionAllocatesNothing(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, takeover := range []bool{false, true} {
			free := make([][]byte, 0, 8)
			opt := &Options{
				Client:  client,
				MaskKey: func() uint32 { return 0x01020304 },
				Free:    func(b []byte) { free = append(free, b) },
				Alloc: func(size int) []byte {
					for i, b := range free {
						if cap(b) >= size {
							free = append(free[:i], free[i+1:]...)
							return b[:size]
						}
					}
					return make([]byte, size)
				},
			}
			peer := NewSender(&Options{Client: !client})
			in, out := NewReceiver(opt), NewSender(opt)
			a := agreed(takeover)
			peer.Agree(a)
			in.Agree(a)
			out.Agree(a)
			scratch, dst, input := make([]byte, 4096), make([]byte, 0, 256<<10), []byte(nil)
			messages := [][]byte{feedOf(1024, 1), feedOf(16<<10, 1), feedOf(100<<10, 1)}
			prepared := Prepare(OpText, messages[0])
			echoed := 0
			turn := func() {
				input = input[:0]
				for _, p := range messages {
					input, _ = peer.AppendMessage(input, OpText, p)
					input, _ = peer.AppendFragment(input, OpBinary, p[:700], false)
					input, _ = peer.AppendFragment(input, OpBinary, p[700:], true)
				}
				dst, echoed = dst[:0], 0
				for rest := input; len(rest) > 0; {
					n := copy(in.Space(scratch), rest)
					rest = rest[n:]
					in.Received(n)
					for ev := in.Next(); ev.Kind != None; ev = in.Next() {
						if ev.Kind == Message {
							echoed++
							dst, _ = out.AppendMessage(dst, ev.Op, ev.Data)
							if ev.Owned {
								opt.Free(ev.Data)
							}
						}
					}
				}
				dst, _ = out.AppendPrepared(dst, prepared)
			}
			for range 5 {
				turn()
			}
			if n := testing.AllocsPerRun(50, turn); n >= 1 && takeover || n > 4 { // fragments need a window, for as long as they last
				t.Errorf("client %v, takeover %v: %v allocations", client, takeover, n)
			}
			if echoed != 6 || len(dst) < 1000 || len(dst) > 100<<10 {
				t.Fatalf("%d messages, %d bytes", echoed, len(dst))
			}
		}
	}
}
