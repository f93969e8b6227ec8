package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
)

// A message can be read before its end has come.
func TestReaderReadsAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		w, err := c.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "first ")
		w.Flush()
		typ, r, err := s.Reader(t.Context())
		b := make([]byte, 100)
		n, err2 := r.Read(b)
		if typ != websocket.MessageText || string(b[:n]) != "first " || err != nil || err2 != nil {
			t.Fatal(typ, string(b[:n]), err, err2)
		}
		io.WriteString(w, "second")
		w.Close()
		if rest, err := io.ReadAll(r); string(rest) != "second" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
		if n, err := r.Read(b); n != 0 || err != io.EOF {
			t.Error(n, err)
		}
	})
}

// Whatever is written in whatever pieces is read in whatever pieces, whole or as
// a stream, with other messages in order around it.
func TestStreams(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	synctest.Test(t, func(t *testing.T) {
		big := &websocket.Options{MaxMessage: 8 << 20}
		c, s := websocket.Pipe(big, big)
		defer closeBoth(c, s)
		const n = 60
		message := func(i int) []byte { return bytes.Repeat(fmt.Append(nil, i, " "), i*i*20) }
		go func() {
			for i := range n {
				p := message(i)
				if i%3 == 0 {
					c.Write(t.Context(), websocket.MessageText, p)
					continue
				}
				w, _ := c.Writer(t.Context(), websocket.MessageText)
				for len(p) > 0 {
					k := min(random.IntN(50_000)+1, len(p))
					w.Write(p[:k])
					if p = p[k:]; k%5 == 0 {
						w.Flush()
					}
				}
				w.Close()
			}
		}()
		for i := range n {
			if i%2 == 0 {
				_, r, err := s.Reader(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if i == 50 {
					time.Sleep(5 * time.Second) // the lookout reads parts of it
				}
				if err := iotest.TestReader(r, message(i)); err != nil && i < 10 {
					t.Errorf("message %d: %v", i, err)
				} else if i >= 10 {
					continue
				}
				continue
			}
			if _, p, err := s.Read(t.Context()); err != nil || !bytes.Equal(p, message(i)) {
				t.Fatalf("message %d: %d bytes, %v", i, len(p), err)
			}
		}
	})
}

// A read that is begun in the middle of a message drops the rest of it.
func TestReaderIsSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		go func() {
			for i := range 4 {
				w, _ := c.Writer(t.Context(), websocket.MessageBinary)
				w.Write(bytes.Repeat([]byte{byte(i)}, 100_000))
				w.Close()
			}
			c.Write(t.Context(), websocket.MessageText, []byte("last"))
		}()
		var b [10]byte
		_, first, err := s.Reader(t.Context())
		io.ReadFull(first, b[:])
		if err != nil || b[0] != 0 {
			t.Fatal(b, err)
		}
		time.Sleep(3 * time.Second)
		_, second, err := s.Reader(t.Context())
		io.ReadFull(second, b[:])
		if err != nil || b[0] != 1 {
			t.Fatal(b, err)
		}
		if _, err := io.Copy(io.Discard, first); !errors.Is(err, websocket.ErrSuperseded) {
			t.Error(err)
		}
		if _, p, err := s.Read(t.Context()); err != nil || len(p) != 100_000 || p[0] != 2 {
			t.Fatal(len(p), err)
		}
		// It may have been read ahead whole; then nothing was left to drop.
		if n, err := io.Copy(io.Discard, second); !errors.Is(err, websocket.ErrSuperseded) && n != 100_000-10 {
			t.Error(n, err)
		}
		if _, p, err := s.Read(t.Context()); err != nil || len(p) != 100_000 || p[0] != 3 {
			t.Fatal(len(p), err)
		}
		if _, p, err := s.Read(t.Context()); string(p) != "last" {
			t.Error(len(p), err)
		}
	})
}

// What comes before the bad byte is read; then the connection has failed.
func TestReaderBreaksARule(t *testing.T) {
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, r, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		return fmt.Errorf("%q: %w", b, err)
	}, nil))
	raw := rawDial(t, url)
	io.WriteString(raw, "\x01\x85\x00\x00\x00\x00good \x80\x84\x00\x00\x00\x00ba\xff!")
	if b := make([]byte, 4); readFull(raw, b) != nil || string(b[2:]) != "\x03\xef" {
		t.Errorf("% x, want a Close with 1007", b)
	}
}

// While a message is streamed, others wait for its end; control frames do not.
func TestWriterKeepsOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		w, _ := c.Writer(t.Context(), websocket.MessageText)
		io.WriteString(w, "a")
		w.Flush()
		if err := c.TryWrite(websocket.MessageText, []byte("b")); err != websocket.ErrQueueFull {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Writer(ctx, websocket.MessageText); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := c.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		go c.Write(t.Context(), websocket.MessageText, []byte("c"))
		synctest.Wait()
		w.Close()
		for _, want := range []string{"a", "c"} {
			if _, p, err := s.Read(t.Context()); string(p) != want {
				t.Errorf("%q, %v; want %q", p, err, want)
			}
		}
		for _, err := range []error{w.Close(), w.Flush(), func() error { _, err := w.Write([]byte("x")); return err }()} {
			if err != websocket.ErrWriterClosed {
				t.Error(err)
			}
		}
	})
}

// A Close need not wait for a message that is never ended.
func TestCloseInsideAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		w, _ := c.Writer(t.Context(), websocket.MessageText)
		io.WriteString(w, strings.Repeat("x", 100_000))
		seen := make(chan error, 1)
		go func() {
			_, _, err := s.Read(t.Context())
			seen <- err
		}()
		if err := c.Close(t.Context(), 4000, ""); err != nil {
			t.Error(err)
		}
		if err := w.Close(); websocket.CloseStatus(err) != 4000 {
			t.Error(err)
		}
		if err := <-seen; websocket.CloseStatus(err) != 4000 {
			t.Error(err)
		}
	})
}

// A short message is one frame.
func TestWriterDoesNotFragmentNeedlessly(t *testing.T) {
	got := make(chan string, 1)
	url := rawServer(t, serverHead+"Sec-WebSocket-Accept: ACCEPT\r\n\r\n", func(nc net.Conn) {
		b := make([]byte, 2)
		readFull(nc, b)
		got <- string(b)
	})
	c := dial(t, url, nil)
	w, _ := c.Writer(t.Context(), websocket.MessageText)
	for range 10 {
		io.WriteString(w, "ten bytes!")
	}
	w.Close()
	if head := <-got; head != "\x81\xe4" {
		t.Errorf("% x", head)
	}
}

func TestMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		go func() {
			for i := range 10 {
				c.Write(t.Context(), websocket.MessageText, fmt.Append(nil, i))
			}
			c.Close(t.Context(), 1000, "")
		}()
		var got []string
		var last error
		for m, err := range s.Messages(t.Context()) {
			if last = err; err == nil {
				got = append(got, string(m.Data))
			}
			if len(got) == 4 {
				break
			}
		}
		for m, err := range s.Messages(t.Context()) {
			if last = err; err == nil {
				got = append(got, string(m.Data))
			}
		}
		if fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 8 9]" || websocket.CloseStatus(last) != 1000 {
			t.Error(got, last)
		}
	})
}

func TestReadPooledAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for {
			m, err := c.ReadPooled(ctx)
			if err != nil {
				return err
			}
			c.Write(ctx, m.Type, m.Data)
			m.Release()
		}
	}, nil))
	c := dial(t, url, nil)
	for _, size := range []int{10, 5000, 100_000} {
		p := make([]byte, size)
		turn := func() {
			c.Write(t.Context(), websocket.MessageBinary, p)
			m, err := c.ReadPooled(t.Context())
			if err != nil || len(m.Data) != size {
				t.Fatal(err)
			}
			m.Release()
		}
		for range 100 {
			turn()
		}
		if n := testing.AllocsPerRun(1000, turn); n > 0 {
			t.Errorf("%d bytes: %v allocations a message", size, n)
		}
	}
}

func TestJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		type point struct{ X, Y int }
		if err := c.WriteJSON(t.Context(), make(chan int)); err == nil {
			t.Error("a channel was encoded")
		}
		c.WriteJSON(t.Context(), point{1, 2})
		c.Write(t.Context(), websocket.MessageText, []byte("{"))
		c.WriteJSON(t.Context(), "a string")
		c.WriteJSON(t.Context(), point{3, 4})
		var p point
		if err := s.ReadJSON(t.Context(), &p); err != nil || p != (point{1, 2}) {
			t.Error(p, err)
		}
		for range 2 {
			if err := s.ReadJSON(t.Context(), &p); err == nil || websocket.CloseStatus(err) != 0 {
				t.Error(err)
			}
		}
		if err := s.ReadJSON(t.Context(), &p); err != nil || p != (point{3, 4}) {
			t.Errorf("after bad messages: %v, %v", p, err)
		}
	})
}
