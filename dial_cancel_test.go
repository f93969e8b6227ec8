package wye

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// refuseSecond is a NetDial that leads to address once.
func refuseSecond(opened *int, address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		if *opened++; *opened > 1 {
			return nil, errStop
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// stalls are servers in memory that stop at some stage of a dial.
var stalls = []struct {
	why, url string
	stage    Stage
	script   func(p *peer)
}{
	{"nobody accepts", "ws://wye.example", StageConnect, nil},
	{"no TLS handshake", "wss://wye.example", StageTLS, func(p *peer) { io.Copy(io.Discard, p.in) }},
	{"not even a read", "wss://wye.example", StageTLS, func(p *peer) {}},
	{"the request is not read", "ws://wye.example", StageHandshake, func(p *peer) {}},
	{"no answer", "ws://wye.example", StageHandshake, func(p *peer) { p.wantRequest() }},
	{"half a head", "ws://wye.example", StageHandshake, func(p *peer) { p.wantRequest(); p.say(switched[:40]) }},
	{"100 and no more", "ws://wye.example", StageHandshake, func(p *peer) { p.wantRequest(); p.say("HTTP/1.1 100 Continue\r\n\r\n") }},
	{"no answer over TLS", "wss://wye.example", StageHandshake, func(p *peer) { overTLS(p).wantRequest() }},
}

// overTLS is p after a TLS handshake.
func overTLS(p *peer) *peer {
	tc := tls.Server(p.Conn, nobodys())
	return &peer{Conn: tc, t: p.t, in: bufio.NewReader(tc), script: p.script}
}

// nobodys is the configuration of a server that nobody trusts.
var nobodys = sync.OnceValue(func() *tls.Config {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificate(nil, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, public, private)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
})

// stalled dials a server that plays the script and then waits for the end of the
// test.
func stalled(t *testing.T, ctx context.Context, url string, script func(*peer), timeout time.Duration) error {
	l := newPipes()
	over, played := make(chan struct{}), make(chan struct{})
	go func() { // received below
		defer close(played)
		if script == nil {
			return
		}
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		script(&peer{Conn: c, t: t, in: bufio.NewReader(c), script: true})
		<-over
	}()
	c, _, err := Dial(ctx, url, &DialOptions{
		Tokens: []Token{example}, NetDial: l.dial, Timeout: timeout, TLSConfig: &tls.Config{InsecureSkipVerify: true},
	})
	if c != nil {
		t.Error("it connects")
	}
	close(over)
	<-played
	return err
}

// The end of ctx ends the dialling at once, at every stage.
func TestDialIsCancelled(t *testing.T) {
	for _, tt := range stalls {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				began := time.Now()
				time.AfterFunc(time.Second, cancel)
				err := stalled(t, ctx, tt.url, tt.script, 0)
				var failed *DialError
				if !errors.Is(err, context.Canceled) || !errors.As(err, &failed) || failed.Stage != tt.stage {
					t.Errorf("got %v", err)
				}
				if d := time.Since(began); d != time.Second {
					t.Errorf("it took %v", d-time.Second)
				}
			})
		})
	}
}

// Timeout does the same, and has a default.
func TestDialTimesOut(t *testing.T) {
	for _, tt := range stalls {
		t.Run(tt.why, func(t *testing.T) {
			for _, timeout := range []time.Duration{0, 3 * time.Second} {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					err := stalled(t, t.Context(), tt.url, tt.script, timeout)
					var failed *DialError
					if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || failed.Stage != tt.stage {
						t.Errorf("got %v", err)
					}
					want := timeout
					if want == 0 {
						want = 10 * time.Second
					}
					if d := time.Since(began); d != want {
						t.Errorf("it took %v, want %v", d, want)
					}
				})
			}
		})
	}
}

// A dial whose context has ended sends nothing.
func TestDialWithAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	address := answering(t, func(p *peer) {
		if b, _ := io.ReadAll(p.in); len(b) > 0 {
			t.Errorf("it sends %q", b)
		}
	})
	for _, url := range []string{"ws://" + address, "wss://" + address} {
		c, _, err := Dial(ctx, url, &DialOptions{Tokens: []Token{example}})
		if c != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// Of a refusal's body as much is read as comes within 2 seconds; the status has
// come. When ctx ends, that is all.
func TestDialDoesNotWaitForTheBodyOfARefusal(t *testing.T) {
	for _, tt := range []struct {
		why    string
		cancel time.Duration
		want   time.Duration
	}{
		{"for more than 2 seconds", time.Hour, 2 * time.Second},
		{"for longer than ctx", time.Second, time.Second},
		{"at all after ctx", 0, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				done := make(chan struct{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began := time.Now()
				go func() { // received below
					defer close(done)
					c, _ := l.Accept()
					p := &peer{Conn: c, t: t, in: bufio.NewReader(c), script: true}
					p.wantRequest()
					p.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nslow")
					if tt.cancel == 0 {
						cancel()
					} else {
						time.AfterFunc(tt.cancel, cancel)
					}
					io.Copy(io.Discard, c) // until the client closes
				}()
				_, _, err := Dial(ctx, "ws://wye.example", &DialOptions{Tokens: []Token{example}, NetDial: l.dial})
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Response.StatusCode != 403 || string(refused.Body) != "slow" {
					// ctx may have ended before the head was read to its end.
					if tt.cancel != 0 || !errors.Is(err, context.Canceled) {
						t.Errorf("got %v", err)
					}
				}
				if d := time.Since(began); d != tt.want {
					t.Errorf("it took %v, want %v", d, tt.want)
				}
				<-done
			})
		})
	}
}

// ctx ends the dialling, not the connection; no deadline is left over.
func TestTheConnSurvivesItsDial(t *testing.T) {
	for _, url := range []string{"ws://wye.example", "wss://wye.example"} {
		t.Run(url, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				done := make(chan struct{})
				go func() { // received below
					defer close(done)
					c, _ := l.Accept()
					p := &peer{Conn: c, t: t, in: bufio.NewReader(c), script: true}
					if url[:3] == "wss" {
						p = overTLS(p)
					}
					p.wantRequest()
					p.say(switched)
					p.want("ping")
					p.say("pong")
					p.Close()
				}()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				c, _, err := Dial(ctx, url, &DialOptions{Tokens: []Token{example}, NetDial: l.dial, TLSConfig: &tls.Config{InsecureSkipVerify: true}})
				if err != nil {
					t.Fatal(err)
				}
				cancel()
				time.Sleep(24 * time.Hour)
				speak(t, c, "ping")
				got := make([]byte, 4)
				if _, err := io.ReadFull(c, got); string(got) != "pong" {
					t.Errorf("got %q, %v", got, err)
				}
				c.Close()
				<-done
			})
		})
	}
}

// The answer may come in the moment in which ctx ends: then a deadline is set
// already, and the connection is of no use.
func TestDialIsCancelledByItsAnswer(t *testing.T) {
	ours, theirs := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := cancelling{ours, cancel, make(chan struct{})}
	speak(t, theirs, switched)
	got, _, err := Dial(ctx, "ws://wye.example", &DialOptions{
		Tokens:  []Token{example},
		NetDial: func(context.Context, string, string) (net.Conn, error) { return c, nil },
	})
	if got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection is open: %v", err)
	}
}

// cancelling ends a context when something is read, before it is given.
type cancelling struct {
	net.Conn
	cancel context.CancelFunc
	set    chan struct{} // closed by SetDeadline
}

func (c cancelling) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.cancel()
	<-c.set
	return n, err
}

func (c cancelling) SetDeadline(t time.Time) error {
	defer close(c.set)
	return c.Conn.SetDeadline(t)
}

// ctx may end at any moment: either there is a connection, without a deadline,
// or there is none.
func TestDialIsCancelledAtAnyMoment(t *testing.T) {
	_, address := serve(t, &Switch{Protocols: []Offer{{example, ProtocolFunc(func(_ context.Context, _ *Request, c Conn) error {
		_, err := io.Copy(c, c)
		return err
	})}}})
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(time.Duration(i)*5*time.Microsecond, cancel)
		c, _, err := Dial(ctx, "ws://"+address, &DialOptions{Tokens: []Token{example}})
		switch {
		case err == nil:
			timer.Stop()
			cancel()
			speak(t, c, "echo")
			got := make([]byte, 4)
			if _, err := io.ReadFull(c, got); err != nil {
				t.Errorf("after %d: %v", i, err)
			}
			c.Close()
		case c != nil || !errors.Is(err, context.Canceled):
			t.Errorf("after %d: %v", i, err)
		}
		cancel()
	}
}
