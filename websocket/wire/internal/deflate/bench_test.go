package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"runtime"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// What docs/deflate.md shows: this package, klauspost/compress and the standard
// library on the same messages.
//
//	go test -run '^$' -bench . -benchmem ./websocket/wire/internal/deflate

var benchSizes = []int{64, 1 << 10, 16 << 10}

// messages are like each other, and no two the same.
func messages(size int) (all [][]byte) {
	for i := range 64 {
		all = append(all, records(size, uint64(i)))
	}
	return all
}

// compressor is what is compared: next compresses one message into the buffer.
type compressor struct {
	name string
	make func(takeover bool) (next func(dst []byte, p []byte) []byte)
}

// flateWriter is what the two other packages have in common.
type flateWriter interface {
	io.Writer
	Flush() error
}

func byFlate(w flateWriter, out *appender, reset func()) func(dst, p []byte) []byte {
	return func(dst, p []byte) []byte {
		out.b = dst
		reset()
		w.Write(p)
		w.Flush()
		return out.b[:len(out.b)-len(tail)]
	}
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

var compressors = []compressor{
	{"own", func(takeover bool) func(dst, p []byte) []byte { return ownCompressor(takeover, 1) }},
	{"own-6", func(takeover bool) func(dst, p []byte) []byte { return ownCompressor(takeover, 6) }},
	{"klauspost-1", func(takeover bool) func(dst, p []byte) []byte { return klauspostCompressor(takeover, 1) }},
	{"klauspost-6", func(takeover bool) func(dst, p []byte) []byte { return klauspostCompressor(takeover, 6) }},
	{"std-1", func(takeover bool) func(dst, p []byte) []byte { return stdCompressor(takeover, 1) }},
	{"std-6", func(takeover bool) func(dst, p []byte) []byte { return stdCompressor(takeover, 6) }},
}

// ownCompressor keeps 4 KiB of window from one message to the next, if any.
func ownCompressor(takeover bool, level int) func(dst, p []byte) []byte {
	var d Deflater
	var window []byte
	return func(dst, p []byte) []byte {
		dst = d.Append(dst, p, window, MaxWindow, level)
		if takeover {
			window = Slide(window, p, 4<<10)
		}
		return dst
	}
}

func klauspostCompressor(takeover bool, level int) func(dst, p []byte) []byte {
	var out appender
	w, _ := kflate.NewWriter(&out, level)
	return byFlate(w, &out, func() {
		if !takeover {
			w.Reset(&out)
		}
	})
}

func stdCompressor(takeover bool, level int) func(dst, p []byte) []byte {
	var out appender
	w, _ := flate.NewWriter(&out, level)
	return byFlate(w, &out, func() {
		if !takeover {
			w.Reset(&out)
		}
	})
}

func BenchmarkDeflate(b *testing.B) {
	for _, size := range benchSizes {
		in := messages(size)
		for _, takeover := range []bool{false, true} {
			for _, c := range compressors {
				b.Run(fmt.Sprintf("%d/takeover=%v/%s", size, takeover, c.name), func(b *testing.B) {
					next := c.make(takeover)
					dst := make([]byte, 0, 2*size+100)
					b.ReportAllocs()
					i, total := 0, 0
					for b.Loop() {
						total += len(next(dst, in[i&63]))
						i++
					}
					b.ReportMetric(float64(total)/float64(i), "out-B/op")
				})
			}
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	for _, size := range benchSizes {
		var payloads [][]byte
		for _, p := range messages(size) {
			var out bytes.Buffer
			w, _ := flate.NewWriter(&out, 6)
			w.Write(p)
			w.Flush()
			payloads = append(payloads, out.Bytes()[:out.Len()-len(tail)])
		}
		dst := make([]byte, size+1)
		run := func(name string, next func(payload []byte) int) {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for i := 0; b.Loop(); i++ {
					if n := next(payloads[i&63]); n != size {
						b.Fatal(n)
					}
				}
			})
		}
		var z Inflater
		run("own", func(payload []byte) int {
			z.Reset(payload, nil, MaxWindow)
			p, _, _ := z.Next(1 << 20)
			return copy(dst, p)
		})
		var in bytes.Reader
		full := make([]byte, 0, size+100)
		byReader := func(r io.Reader, reset func()) func(payload []byte) int {
			return func(payload []byte) int {
				full = append(append(full[:0], payload...), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)
				in.Reset(full)
				reset()
				n, _ := io.ReadFull(r, dst)
				return n
			}
		}
		k := kflate.NewReader(&in)
		run("klauspost", byReader(k, func() { k.(kflate.Resetter).Reset(&in, nil) }))
		s := flate.NewReader(&in)
		run("std", byReader(s, func() { s.(flate.Resetter).Reset(&in, nil) }))
	}
}

// BenchmarkKept measures what a connection keeps between two messages that takes
// over both ways, after 64 KiB each way: windows of 4 KiB and 32 KiB, or a
// compressor and a decompressor of another package, which cannot let go of more.
func BenchmarkKept(b *testing.B) {
	p := records(64<<10, 1)
	var d Deflater
	payload := append(d.Append(nil, p, nil, MaxWindow, 1), tail[:]...)
	for _, c := range []struct {
		name string
		make func() any
	}{
		{"own", func() any {
			return [2][]byte{Slide(nil, p, 4<<10), Slide(nil, p, MaxWindow)}
		}},
		{"klauspost-1", func() any {
			w, _ := kflate.NewWriter(io.Discard, 1)
			r := kflate.NewReader(bytes.NewReader(payload))
			return use(w, r, p)
		}},
		{"klauspost-1-4KiB", func() any {
			w, _ := kflate.NewWriterWindow(io.Discard, 4<<10)
			r := kflate.NewReader(bytes.NewReader(payload))
			return use(w, r, p)
		}},
		{"std-1", func() any {
			w, _ := flate.NewWriter(io.Discard, 1)
			r := flate.NewReader(bytes.NewReader(payload))
			return use(w, r, p)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				const connections = 50
				before := heap()
				var all [connections]any
				for i := range all {
					all[i] = c.make()
				}
				b.ReportMetric(float64(heap()-before)/connections, "B/connection")
				runtime.KeepAlive(&all)
			}
		})
	}
}

func use(w flateWriter, r io.Reader, p []byte) any {
	w.Write(p)
	w.Flush()
	io.ReadFull(r, make([]byte, len(p)))
	return [2]any{w, r}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
