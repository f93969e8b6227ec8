package connect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket/wire"
)

// script is what a server does with its connections in turn: it shakes hands and
// hands over. The last one serves all that follow.
type script []func(c net.Conn, in *bufio.Reader)

// dial is for Options.Dial. at has the times of the connections, once all have
// ended.
func (s script) dial(serving *sync.WaitGroup, at *[]time.Time) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		*at = append(*at, time.Now())
		do := s[min(len(*at), len(s))-1]
		here, there := net.Pipe()
		serving.Go(func() { // ends with the connection
			defer there.Close()
			in := bufio.NewReader(there)
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			fmt.Fprintf(there, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n", r.Header.Get("Upgrade"))
			if key := r.Header.Get("Sec-WebSocket-Key"); key != "" {
				fmt.Fprintf(there, "Sec-WebSocket-Accept: %s\r\n", wire.AcceptKey(key))
			}
			io.WriteString(there, "\r\n")
			do(there, in)
		})
		return here, nil
	}
}

// sends is a connection on which these bytes are sent, and then nothing until
// the client ends it.
func sends(frames string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		io.WriteString(c, frames)
		io.Copy(io.Discard, in)
	}
}

// closes sends these bytes, with a Close frame at the end, and ends with the
// answer, as a server should: it is the one that closes first. RFC 6455 §7.1.1
func closes(frames string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		io.WriteString(c, frames)
		readFrame(in)
	}
}

// drops is one that breaks off.
func drops(net.Conn, *bufio.Reader) {}

// Frames of a server. RFC 6455 §5.2
const (
	textOne    = "\x81\x03one"
	textTwo    = "\x81\x03two"
	close1000  = "\x88\x02\x03\xe8"
	close1012  = "\x88\x02\x03\xf4"
	close1013  = "\x88\x02\x03\xf5"
	maskedText = "\x81\x81\x00\x00\x00\x00x" // which a server must not send
)

// converse runs a conversation in a bubble and returns its exit code, what it
// wrote, and when it connected.
func converse(t *testing.T, ctx context.Context, o Options, in io.Reader, s script) (code int, out, log string, at []time.Time) {
	t.Helper()
	var serving sync.WaitGroup
	var stdout, stderr bytes.Buffer
	o.URL = "ws://server.example/"
	o.Dial = s.dial(&serving, &at)
	err := Run(ctx, o, Stdio{in, &stdout, &stderr})
	serving.Wait()
	var f *Failure
	if errors.As(err, &f) {
		code = f.Code
	} else if err != nil {
		t.Errorf("%v is no Failure", err)
	}
	return code, stdout.String(), stderr.String(), at
}

func TestServerEnds(t *testing.T) {
	for _, x := range []struct {
		why, frames string
		code        int
		out         string
	}{
		{"cleanly", textOne + textTwo + close1000, 0, "one\ntwo\n"},
		{"with 1012", textOne + close1012, ExitErrorCode, "one\n"},
		{"against the rules", textOne + maskedText, ExitAbnormal, "one\n"},
	} {
		t.Run(x.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, w := io.Pipe() // stays open
				code, out, log, _ := converse(t, t.Context(), Options{}, in, script{sends(x.frames)})
				if code != x.code || out != x.out || log != "" {
					t.Errorf("%d, %q, %q", code, out, log)
				}
				w.Close()
			})
		})
	}
}

// The wait is counted from the input's end, however much comes meanwhile.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ticks := func(c net.Conn, in *bufio.Reader) {
			var ticking sync.WaitGroup
			defer ticking.Wait()
			defer c.Close()
			ticking.Go(func() { // ends with the connection
				for {
					if _, err := io.WriteString(c, textOne); err != nil {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
			answerClose(c, in)
		}
		code, out, _, _ := converse(t, t.Context(), Options{Wait: 950 * time.Millisecond}, strings.NewReader(""), script{ticks})
		if took := time.Since(began); code != 0 || out != strings.Repeat("one\n", 10) || took > 1100*time.Millisecond {
			t.Errorf("%d, %q after %v", code, out, took)
		}
	})
}

// answerClose reads a client's frames until its Close, and answers that.
func answerClose(c net.Conn, in *bufio.Reader) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return
		}
		if b == 0x88 {
			io.WriteString(c, close1000)
			return
		}
	}
}

func TestWaitInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		code, _, _, _ := converse(t, t.Context(), Options{Wait: time.Minute, Count: 1, PingInterval: -1}, strings.NewReader(""), script{answerClose})
		if code != ExitTimeOut || time.Since(began).Round(time.Second) != time.Minute {
			t.Errorf("%d after %v", code, time.Since(began))
		}
	})
}

// A peer that answers no ping is given up, and so is one that answers no Close.
func TestSilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		defer w.Close()
		if code, _, _, _ := converse(t, t.Context(), Options{PingInterval: time.Second}, in, script{sends("")}); code != ExitTimeOut {
			t.Errorf("no pong: %d", code)
		}
		if code, _, _, _ := converse(t, t.Context(), Options{Count: 1}, in, script{sends(textOne)}); code != ExitTimeOut {
			t.Errorf("no answer to the Close frame: %d", code)
		}
	})
}

// 1012 and 1013 are heeded, the attempts are spread, and nothing is sent twice.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		once := func(frames string) func(net.Conn, *bufio.Reader) {
			return func(c net.Conn, in *bufio.Reader) {
				got = append(got, readFrame(in))
				closes(frames)(c, in)
			}
		}
		in, w := io.Pipe()
		go func() { // ends with the input's reader
			io.WriteString(w, "first\n")
			time.Sleep(time.Second)
			io.WriteString(w, "second\n")
		}()
		code, out, log, at := converse(t, t.Context(), Options{Reconnect: true}, in, script{
			once(textOne + close1012), closes(close1013), drops, closes(textTwo + close1000),
		})
		w.Close()
		if code != 0 || out != "one\ntwo\n" || strings.Count(log, "trying again in ") != 3 {
			t.Errorf("%d, %q, %q", code, out, log)
		}
		if len(got) != 1 || got[0] != "first" {
			t.Errorf("the first connection got %q", got)
		}
		for i, bounds := range [][2]time.Duration{{0, 10 * time.Second}, {30 * time.Second, 34 * time.Second}, {0, 8 * time.Second}} {
			if d := at[i+1].Sub(at[i]); d < bounds[0] || d > bounds[1]+time.Second {
				t.Errorf("attempt %d came after %v, want %v", i+2, d, bounds)
			}
		}
	})
}

// readFrame reads a short frame of a client.
func readFrame(in *bufio.Reader) string {
	head := make([]byte, 6)
	if _, err := io.ReadFull(in, head); err != nil {
		return ""
	}
	p := make([]byte, head[1]&0x7f)
	io.ReadFull(in, p)
	for i := range p {
		p[i] ^= head[2+i%4]
	}
	return string(p)
}

// A signal ends the wait for the next attempt, too.
func TestInterrupted(t *testing.T) {
	for why, s := range map[string]script{
		"while it talks":               {sends(textOne)},
		"between attempts":             {closes(close1013)},
		"and the peer does not answer": {func(c net.Conn, _ *bufio.Reader) { time.Sleep(time.Minute) }},
	} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(3*time.Second, func() { cancel(&Interrupted{143}) })
				in, w := io.Pipe()
				defer w.Close()
				began := time.Now()
				var serving sync.WaitGroup
				var at []time.Time
				err := Run(ctx, Options{URL: "ws://server.example", Reconnect: true, Dial: s.dial(&serving, &at)}, Stdio{in, io.Discard, io.Discard})
				var f *Failure
				if !errors.As(err, &f) || f.Code != 143 || time.Since(began) > 3*time.Second+goodbye {
					t.Errorf("%v after %v", err, time.Since(began))
				}
				serving.Wait()
			})
		})
	}
}

// Before the connection is open no more than a buffer of the input is read.
func TestInputIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		written := 0
		go func() { // ends with the input's reader
			line := []byte(strings.Repeat("x", 1023) + "\n")
			for {
				n, err := w.Write(line)
				written += n
				if err != nil {
					return
				}
			}
		}()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { // received from below
			ended <- Run(ctx, Options{
				URL: "ws://server.example/", Timeout: time.Hour,
				Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
			}, Stdio{in, io.Discard, io.Discard})
		}()
		synctest.Wait()
		if written < 1024 || written > 128<<10 {
			t.Errorf("%d bytes were read ahead", written)
		}
		cancel()
		if err := <-ended; err == nil {
			t.Error("no failure")
		}
		in.Close()
	})
}

func TestInputFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := iotest.ErrReader(errors.New("disk on fire"))
		if code, _, _, _ := converse(t, t.Context(), Options{}, broken, script{answerClose}); code != ExitLocal {
			t.Errorf("%d", code)
		}
		if code, _, _, _ := converse(t, t.Context(), Options{Encoding: Hex}, strings.NewReader("zz\n"), script{answerClose}); code != ExitUsage {
			t.Errorf("%d", code)
		}
		if code, _, _, _ := converse(t, t.Context(), Options{Tokens: []wye.Token{{Name: "x"}}}, broken, script{func(c net.Conn, in *bufio.Reader) { io.Copy(io.Discard, in) }}); code != ExitLocal {
			t.Errorf("%d", code)
		}
	})
}

// brokenOut is a standard output on a full disk.
type brokenOut struct{}

func (brokenOut) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, o := range []Options{{}, {JSON: true}, {Tokens: []wye.Token{{Name: "x"}}}} {
			var serving sync.WaitGroup
			var at []time.Time
			o.URL, o.Dial = "ws://server.example", script{sends(textOne + close1000)}.dial(&serving, &at)
			in, w := io.Pipe()
			err := Run(t.Context(), o, Stdio{in, brokenOut{}, io.Discard})
			w.Close()
			var f *Failure
			if !errors.As(err, &f) || f.Code != ExitLocal {
				t.Errorf("%+v: %v", o.Tokens, err)
			}
			serving.Wait()
		}
	})
}

// With a token there are bytes both ways; the server's end is the end, though
// the input goes on.
func TestBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		go io.WriteString(w, "\x00ping") // ends with the input's reader
		code, out, log, _ := converse(t, t.Context(), Options{Tokens: []wye.Token{{Name: "x", Version: "1"}}}, in, script{func(c net.Conn, in *bufio.Reader) {
			p := make([]byte, 5)
			io.ReadFull(in, p)
			c.Write(append(p, "\xffpong"...))
		}})
		w.Close()
		if code != 0 || out != "\x00ping\xffpong" || log != "" {
			t.Errorf("%d, %q, %q", code, out, log)
		}
	})
}
