package wire

import (
	"bytes"
	"fmt"
	"testing"
)

// clientFrames are n messages as a client sends them.
func clientFrames(n, size int, op Opcode) []byte {
	s := NewSender(aClient())
	var b []byte
	for range n {
		b, _ = s.AppendMessage(b, op, bytes.Repeat([]byte("x"), size))
	}
	return b
}

// BenchmarkEcho is the protocol's part of an echo: what a front adds are system
// calls.
func BenchmarkEcho(b *testing.B) {
	for _, x := range []struct{ n, size int }{{1, 64}, {16, 64}, {1, 1024}, {3, 16 << 10}} {
		for _, op := range []Opcode{OpBinary, OpText} {
			b.Run(fmt.Sprintf("%dx%d/%v", x.n, x.size, op), func(b *testing.B) {
				in, out := NewReceiver(nil), NewSender(nil)
				input := clientFrames(x.n, x.size, op)
				scratch, cork := make([]byte, 64<<10), make([]byte, 0, 64<<10)
				b.ReportAllocs()
				for b.Loop() {
					in.Received(copy(in.Space(scratch), input))
					cork = cork[:0]
					for ev := in.Next(); ev.Kind != None; ev = in.Next() {
						cork, _ = out.AppendMessage(cork, ev.Op, ev.Data)
					}
				}
				if len(cork) < x.n*x.size {
					b.Fatal(len(cork))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(x.n), "ns/msg")
			})
		}
	}
}

// BenchmarkLarge receives a message of 1 MiB in reads of at most 64 KiB.
func BenchmarkLarge(b *testing.B) {
	input := clientFrames(1, 1<<20, OpBinary)
	buffer := make([]byte, 1<<20)
	in := NewReceiver(&Options{Alloc: func(size int) []byte {
		if size <= len(buffer) {
			return buffer
		}
		return make([]byte, size)
	}})
	scratch := make([]byte, 64<<10)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		for rest := input; len(rest) > 0; {
			space := in.Space(scratch)
			n := copy(space[:min(len(space), 64<<10)], rest)
			rest = rest[n:]
			in.Received(n)
			for in.Next().Kind != None {
			}
		}
	}
}

// BenchmarkClient is the client's part of the same: masked out, plain in.
func BenchmarkClient(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			opt := aClient()
			in, out, server := NewReceiver(opt), NewSender(opt), NewSender(nil)
			input, _ := server.AppendMessage(nil, OpBinary, make([]byte, size))
			scratch, cork := make([]byte, 4096), make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				in.Received(copy(in.Space(scratch), input))
				cork = cork[:0]
				for ev := in.Next(); ev.Kind != None; ev = in.Next() {
					cork, _ = out.AppendMessage(cork, ev.Op, ev.Data)
				}
			}
			if len(cork) < size {
				b.Fatal(len(cork))
			}
		})
	}
}

// BenchmarkCompressedEcho is a compressed echo's part of the protocol: inflated,
// and deflated again.
func BenchmarkCompressedEcho(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		for _, takeover := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/takeover=%v", size, takeover), func(b *testing.B) {
				a := agreed(takeover)
				a.keptBits = keepBits
				client := NewSender(aClient())
				client.Agree(a)
				var inputs [][]byte
				for i := range 64 {
					input, _ := client.AppendMessage(nil, OpText, feedOf(size, i))
					inputs = append(inputs, input)
				}
				in, out := NewReceiver(nil), NewSender(nil)
				in.Agree(a)
				out.Agree(a)
				scratch, cork := make([]byte, 64<<10), make([]byte, 0, 64<<10)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if i &= 63; i == 0 && takeover { // as the client began
						in.inflation.window = in.inflation.window[:0]
					}
					in.Received(copy(in.Space(scratch), inputs[i]))
					cork = cork[:0]
					for ev := in.Next(); ev.Kind != None; ev = in.Next() {
						if ev.Kind != Message || len(ev.Data) != size {
							b.Fatal(ev.Kind, ev.Why, len(ev.Data))
						}
						cork, _ = out.AppendMessage(cork, ev.Op, ev.Data)
					}
				}
			})
		}
	}
}
