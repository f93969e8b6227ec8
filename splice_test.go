package wye

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// spliced is a running Splice with the peers at its two ends.
type spliced struct {
	a, b   *peer
	conns  [2]Conn
	toB    int64
	toA    int64
	err    error
	ended  chan struct{}
	cancel context.CancelCauseFunc
}

func splice(t *testing.T, a, b Conn, atA, atB net.Conn) *spliced {
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &spliced{a: newPeer(t, atA), b: newPeer(t, atB), conns: [2]Conn{a, b}, ended: make(chan struct{}), cancel: cancel}
	go func() { // received by wait
		defer close(s.ended)
		s.toB, s.toA, s.err = Splice(ctx, a, b)
	}()
	t.Cleanup(func() { cancel(nil); <-s.ended })
	return s
}

// overTCP splices two TCP connections whose early bytes are given.
func spliceTCP(t *testing.T, earlyA, earlyB string) *spliced {
	a, atA := pair(t)
	b, atB := pair(t)
	return splice(t, upgraded(a, earlyA), upgraded(b, earlyB), atA, atB)
}

// wait returns Splice's error. Both connections are closed then.
func (s *spliced) wait(t *testing.T, toB, toA int64) error {
	t.Helper()
	receive(t, s.ended)
	for _, c := range s.conns {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a connection is open: %v", err)
		}
	}
	if s.toB != toB || s.toA != toA {
		t.Errorf("%d bytes to b and %d to a, want %d and %d", s.toB, s.toA, toB, toA)
	}
	return s.err
}

func (p *peer) closeWrite() {
	p.t.Helper()
	if err := closeWrite(p.Conn); err != nil {
		p.fatalf("CloseWrite: %v", err)
	}
}

func TestSpliceBothDirections(t *testing.T) {
	s := spliceTCP(t, "", "")
	s.a.say("to b")
	s.b.want("to b")
	s.b.say("to a!")
	s.a.want("to a!")
	// The end of one direction is passed on, and the other goes on.
	s.a.closeWrite()
	s.b.wantEnd()
	s.b.say(" more")
	s.a.want(" more")
	s.b.closeWrite()
	s.a.wantEnd()
	if err := s.wait(t, 4, 10); err != nil {
		t.Error(err)
	}
}

// Bytes that came with a head go first, and in their own direction.
func TestSpliceEarlyBytes(t *testing.T) {
	s := spliceTCP(t, "early of a", "early of b")
	s.b.want("early of a")
	s.a.want("early of b")
	s.a.say(" late")
	s.b.want(" late")
	s.a.closeWrite()
	s.b.closeWrite()
	if err := s.wait(t, 15, 10); err != nil {
		t.Error(err)
	}
}

// Some of them may have been read before.
func TestSpliceTheRestOfTheEarlyBytes(t *testing.T) {
	a, atA := pair(t)
	b, atB := pair(t)
	c := upgraded(a, "head|early")
	wantRead(t, c, "head|")
	s := splice(t, c, upgraded(b, ""), atA, atB)
	s.b.want("early")
	s.a.closeWrite()
	s.b.closeWrite()
	if err := s.wait(t, 5, 0); err != nil {
		t.Error(err)
	}
}

// Where one end has no half-close, the end of a direction closes both; what came
// before it still arrives.
func TestSpliceWithoutHalfClose(t *testing.T) {
	a, atA := pair(t)
	b, atB := pair(t)
	s := splice(t, upgraded(a, ""), upgraded(struct{ net.Conn }{b}, ""), atA, atB)
	s.b.say("to a")
	s.a.want("to a")
	const size = 1 << 20
	sent := strings.Repeat("0123456789abcdef", size/16)
	go func() { // ends when b has read it
		io.WriteString(s.a, sent)
		closeWrite(s.a.Conn)
	}()
	s.b.want(sent)
	s.b.wantEnd() // and no reset
	s.a.wantEnd()
	if err := s.wait(t, size, 4); err != nil {
		t.Error(err)
	}
}

// The end of ctx aborts both.
func TestSpliceIsCancelled(t *testing.T) {
	s := spliceTCP(t, "", "")
	s.a.say("to b")
	s.b.want("to b")
	s.cancel(errStop)
	s.a.wantReset()
	s.b.wantReset()
	if err := s.wait(t, 4, 0); err != errStop {
		t.Error(err)
	}
}

func TestSpliceWithAnEndedContext(t *testing.T) {
	a, atA := pair(t)
	b, atB := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Splice(ctx, upgraded(a, "early"), upgraded(b, "")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// They have been aborted when Splice returns.
	newPeer(t, atA).wantReset()
	atB.SetDeadline(past.AddDate(1000, 0, 0))
	if _, err := io.Copy(io.Discard, atB); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

// An Abort that takes its time has ended when Splice returns.
func TestSpliceWaitsForItsAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, atA := net.Pipe()
		b, atB := net.Pipe()
		defer atA.Close()
		defer atB.Close()
		slowA, slowB := &slowAbort{Conn: upgraded(a, "")}, &slowAbort{Conn: upgraded(b, "")}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errStop) })
		if _, _, err := Splice(ctx, slowA, slowB); err != errStop {
			t.Error(err)
		}
		if slowA.cause != errStop || slowB.cause != errStop {
			t.Errorf("aborted with %v and %v", slowA.cause, slowB.cause)
		}
	})
}

type slowAbort struct {
	Conn
	cause error
}

func (c *slowAbort) Abort(cause error) {
	c.Close()
	time.Sleep(time.Second)
	c.cause = cause
}

// When one side fails both are aborted, and what went wrong is returned.
func TestSpliceFails(t *testing.T) {
	s := spliceTCP(t, "", "")
	s.a.say("to b")
	s.b.want("to b")
	s.a.Conn.(*net.TCPConn).SetLinger(0)
	s.a.Conn.Close()
	s.b.wantReset()
	if err := s.wait(t, 4, 0); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

// It has closed both when it returns, also where somebody else did before.
func TestSpliceClosesBoth(t *testing.T) {
	for _, first := range []string{"a", "b", "both"} {
		a, atA := pair(t)
		b, atB := pair(t)
		ca, cb := upgraded(a, ""), upgraded(b, "")
		if first != "b" {
			ca.Close()
		}
		if first != "a" {
			cb.Close()
		}
		_, _, err := Splice(t.Context(), ca, cb)
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", first, err)
		}
		for _, c := range []Conn{ca, cb} {
			if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: a connection is open: %v", first, err)
			}
		}
		for _, c := range []net.Conn{atA, atB} {
			if _, err := io.Copy(io.Discard, newPeer(t, c)); err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s: %v", first, err)
			}
		}
	}
}

// Much of it, in both directions at once, unchanged.
func TestSpliceALot(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"by the kernel": func(c net.Conn) net.Conn { return c },
		"by copying":    func(c net.Conn) net.Conn { return struct{ halfCloser }{c.(halfCloser)} },
	} {
		t.Run(name, func(t *testing.T) {
			a, atA := pair(t)
			b, atB := pair(t)
			s := splice(t, upgraded(wrap(a), ""), upgraded(wrap(b), ""), atA, atB)
			const size = 16 << 20
			sums := make(chan [sha256.Size]byte, 4)
			send := func(p *peer, seed byte) {
				h := sha256.New()
				random := rand.NewChaCha8([32]byte{seed})
				if _, err := io.CopyN(io.MultiWriter(p.Conn, h), random, size); err != nil {
					t.Error(err)
				}
				closeWrite(p.Conn)
				sums <- [sha256.Size]byte(h.Sum(nil))
			}
			hear := func(p *peer) {
				h := sha256.New()
				if _, err := io.Copy(h, p.in); err != nil {
					t.Error(err)
				}
				sums <- [sha256.Size]byte(h.Sum(nil))
			}
			go send(s.a, 1) // received below, all four
			go send(s.b, 2)
			go hear(s.a)
			go hear(s.b)
			seen := make(map[[sha256.Size]byte]int)
			for range 4 {
				seen[receive(t, sums)]++
			}
			if len(seen) != 2 {
				t.Errorf("what arrives is not what was sent: %d sums", len(seen))
			}
			if err := s.wait(t, size, size); err != nil {
				t.Error(err)
			}
		})
	}
}

// halfCloser is a connection that the kernel cannot splice.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// A proxy: what one server accepts is spliced with what it dials of another.
func TestSpliceOfAcceptAndDial(t *testing.T) {
	_, behind := serve(t, &Switch{Protocols: []Offer{{example, ProtocolFunc(func(_ context.Context, _ *Request, c Conn) error {
		io.WriteString(c, "hello ")
		_, err := io.Copy(c, c)
		return err
	})}}})
	srv, address := serve(t, &Switch{Protocols: []Offer{{example, ProtocolFunc(func(ctx context.Context, _ *Request, c Conn) error {
		next, _, err := Dial(ctx, "http://"+behind, &DialOptions{Tokens: []Token{example}})
		if err != nil {
			return err
		}
		_, _, err = Splice(ctx, c, next)
		return err
	})}}})
	p := call(t, address)
	p.say(ask + "early")
	p.want(switched + "hello early")
	p.say(" late")
	p.want(" late")
	p.closeWrite()
	p.wantEnd()
	eventually(t, "nobody is left", func() bool { return GroupOf(srv).Len() == 0 })
}

// Abort of a Conn that has none of its own is Close.
func TestAbortOfAnotherConn(t *testing.T) {
	a, at := pair(t)
	c := struct{ Conn }{upgraded(a, "")}
	Abort(c, ErrShutdown)
	newPeer(t, at).wantEnd()
}
