package websocket_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// The other end is a socket with prepared bytes, so that nearly all of the time is
// the Loop's and the kernel's.
func BenchmarkLoopEcho(b *testing.B) {
	for _, bm := range []struct{ size, atOnce int }{{64, 1}, {64, 16}, {16 << 10, 1}, {1 << 20, 1}} {
		b.Run(fmt.Sprintf("%dx%d", bm.size, bm.atOnce), func(b *testing.B) {
			url, _ := loopServer(b, echoLoop(), websocket.Options{})
			nc := rawDial(b, url)
			out := bytes.Repeat(frame(wire.OpBinary, make([]byte, bm.size)), bm.atOnce)
			in := make([]byte, bm.atOnce*(len(wire.AppendHeader(nil, wire.Header{Len: uint64(bm.size)}))+bm.size))
			b.SetBytes(int64(bm.size * bm.atOnce))
			b.ReportAllocs()
			for b.Loop() {
				nc.Write(out)
				if err := readFull(nc, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
