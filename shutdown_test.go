package wye

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// visitor is a member that notes how it was ended.
type visitor struct {
	m       *Member
	mu      sync.Mutex // guards what is below
	asked   []error    // causes
	at      time.Time
	aborted []error
}

// visit joins g. leave says how the visitor takes being asked to leave; nil: it
// cannot be asked.
func visit(t *testing.T, g *Group, leave func(ctx context.Context, v *visitor) error) *visitor {
	t.Helper()
	v := new(visitor)
	var err error
	v.m, err = g.Join(func(cause error) {
		v.mu.Lock()
		v.aborted = append(v.aborted, cause)
		v.mu.Unlock()
		v.m.Done()
	})
	if err != nil {
		t.Fatal(err)
	}
	if leave != nil {
		v.m.OnLeave(func(ctx context.Context, cause error) error {
			v.mu.Lock()
			v.asked, v.at = append(v.asked, cause), time.Now()
			v.mu.Unlock()
			return leave(ctx, v)
		})
	}
	return v
}

// Ways to leave.
func atOnce(_ context.Context, v *visitor) error { v.m.Done(); return nil }
func never(ctx context.Context, v *visitor) error {
	<-ctx.Done()
	return ctx.Err()
}
func after(d time.Duration, err error) func(context.Context, *visitor) error {
	return func(_ context.Context, v *visitor) error {
		time.Sleep(d)
		v.m.Done()
		return err
	}
}

func TestShutdownEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		var all []*visitor
		for range 10 {
			all = append(all, visit(t, &g, atOnce))
		}
		began := time.Now()
		counts, err := g.Shutdown(t.Context(), Drain{})
		if counts != (DrainCounts{Clean: 10}) || err != nil || time.Since(began) != 0 {
			t.Errorf("got %+v, %v after %v", counts, err, time.Since(began))
		}
		for _, v := range all {
			if !slices.Equal(v.asked, []error{ErrShutdown}) || v.aborted != nil {
				t.Errorf("asked with %v, aborted with %v", v.asked, v.aborted)
			}
		}
	})
}

// The goodbyes are spread over the time, in random order.
func TestShutdownOverTime(t *testing.T) {
	order := func(t *testing.T) string {
		var g Group
		var all []*visitor
		for range 10 {
			all = append(all, visit(t, &g, atOnce))
		}
		began := time.Now()
		counts, err := g.Shutdown(t.Context(), Drain{Over: 10 * time.Second, Restart: true})
		if counts != (DrainCounts{Clean: 10}) || err != nil || time.Since(began) != 9*time.Second {
			t.Errorf("got %+v, %v after %v", counts, err, time.Since(began))
		}
		at := make(map[time.Duration]int)
		s := ""
		for _, v := range all {
			if !slices.Equal(v.asked, []error{ErrRestart}) {
				t.Errorf("asked with %v", v.asked)
			}
			at[v.at.Sub(began)]++
			s += v.at.Sub(began).String() + " "
		}
		for i := range 10 {
			if at[time.Duration(i)*time.Second] != 1 {
				t.Errorf("%d are asked after %d s", at[time.Duration(i)*time.Second], i)
			}
		}
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		orders := make(map[string]bool)
		for range 5 {
			orders[order(t)] = true
		}
		if len(orders) < 2 { // the same order five times: once in 10!^4
			t.Errorf("the order is always %v", orders)
		}
	})
}

// When nobody is left there is nothing to wait for.
func TestShutdownEndsWithTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		for range 2 {
			v := visit(t, &g, atOnce)
			time.AfterFunc(time.Second, v.m.Done) // of its own accord
		}
		began := time.Now()
		counts, err := g.Shutdown(t.Context(), Drain{Over: time.Hour})
		if counts != (DrainCounts{Clean: 2}) || err != nil || time.Since(began) != time.Second {
			t.Errorf("got %+v, %v after %v", counts, err, time.Since(began))
		}
	})
}

// How each ended is counted.
func TestShutdownCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		visit(t, &g, atOnce)
		visit(t, &g, after(time.Second, nil))
		visit(t, &g, after(time.Second, fmt.Errorf("no answer: %w", ErrForced)))
		visit(t, &g, after(time.Second, io.ErrUnexpectedEOF))
		visit(t, &g, after(time.Second, net.ErrClosed))
		patient := visit(t, &g, never)
		mute := visit(t, &g, nil)
		lostAndForced := visit(t, &g, func(context.Context, *visitor) error { return io.ErrUnexpectedEOF })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		counts, err := g.Shutdown(ctx, Drain{})
		if want := (DrainCounts{Clean: 2, Forced: 4, Lost: 2}); counts != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v, %v, want %+v", counts, err, want)
		}
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("it took %v", d)
		}
		for _, v := range []*visitor{patient, mute, lostAndForced} {
			if !slices.Equal(v.aborted, []error{ErrShutdown}) {
				t.Errorf("aborted with %v", v.aborted)
			}
		}
		if g.Len() != 0 {
			t.Errorf("%d left", g.Len())
		}
	})
}

// ctx's cause is what is returned, and who had not been asked by then is
// aborted.
func TestShutdownIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		asked := 0
		for range 10 {
			visit(t, &g, func(ctx context.Context, v *visitor) error { asked++; return atOnce(ctx, v) })
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4500*time.Millisecond, errStop)
		defer cancel()
		counts, err := g.Shutdown(ctx, Drain{Over: 10 * time.Second})
		if want := (DrainCounts{Clean: 5, Forced: 5}); counts != want || err != errStop || asked != 5 {
			t.Errorf("got %+v, %v, %d asked", counts, err, asked)
		}
	})
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var g Group
		v := visit(t, &g, atOnce)
		if counts, err := g.Shutdown(ctx, Drain{}); counts != (DrainCounts{Forced: 1}) || !errors.Is(err, context.Canceled) || v.asked != nil {
			t.Errorf("got %+v, %v", counts, err)
		}
	})
	t.Run("with nobody there", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if counts, err := new(Group).Shutdown(ctx, Drain{}); counts != (DrainCounts{}) || err != nil {
			t.Errorf("got %+v, %v", counts, err)
		}
	})
}

// A handler that still runs is waited for; one that ignores the end of its
// connection only as long as ctx allows.
func TestShutdownWaitsForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		v := visit(t, &g, atOnce)
		release := v.m.hold()
		time.AfterFunc(3*time.Second, release)
		began := time.Now()
		counts, err := g.Shutdown(t.Context(), Drain{})
		if counts != (DrainCounts{Clean: 1}) || err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("got %+v, %v after %v", counts, err, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var g Group
		v := visit(t, &g, atOnce)
		release := v.m.hold()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		counts, err := g.Shutdown(ctx, Drain{})
		if counts != (DrainCounts{Clean: 1}) || !errors.Is(err, context.DeadlineExceeded) || g.Len() != 1 || v.aborted != nil {
			t.Errorf("got %+v, %v, aborted with %v", counts, err, v.aborted)
		}
		release()
		if g.Len() != 0 {
			t.Error("it is still there")
		}
	})
}

// A drain may begin while a connection is being accepted: the connection is
// asked to leave when it says how.
func TestShutdownWaitsForOnLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		v := visit(t, &g, nil)
		var asked error
		time.AfterFunc(time.Second, func() {
			v.m.OnLeave(func(_ context.Context, cause error) error { asked = cause; v.m.Done(); return nil })
		})
		counts, err := g.Shutdown(t.Context(), Drain{})
		if counts != (DrainCounts{Clean: 1}) || err != nil || asked != ErrShutdown {
			t.Errorf("got %+v, %v, asked with %v", counts, err, asked)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var g Group
		v := visit(t, &g, nil)
		time.AfterFunc(time.Second, v.m.Done) // it ends before it says how
		if counts, err := g.Shutdown(t.Context(), Drain{}); counts != (DrainCounts{Clean: 1}) || err != nil {
			t.Errorf("got %+v, %v", counts, err)
		}
	})
}

func TestShutdownTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		v := visit(t, &g, after(time.Second, nil))
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if counts, err := g.Shutdown(t.Context(), Drain{}); counts != (DrainCounts{Clean: 1}) || err != nil {
					t.Errorf("got %+v, %v", counts, err)
				}
			})
		}
		both.Wait()
		if len(v.asked) != 2 {
			t.Errorf("asked %d times, want once by each", len(v.asked))
		}
		if counts, err := g.Shutdown(t.Context(), Drain{}); counts != (DrainCounts{}) || err != nil {
			t.Errorf("a third: %+v, %v", counts, err)
		}
	})
}

// Shutdown of a server: new upgrades get 503, the upgraded connections are asked
// to leave, their handlers are waited for, and then the server has ended.
func TestShutdownOfAServer(t *testing.T) {
	leaving, finish, returned := make(chan error, 2), make(chan struct{}), make(chan struct{}, 2)
	s := &Switch{Protocols: []Offer{{example, ProtocolFunc(func(ctx context.Context, r *Request, c Conn) error {
		defer func() { returned <- struct{}{} }()
		io.WriteString(c, "hello")
		<-ctx.Done()
		leaving <- context.Cause(ctx)
		<-finish
		_, err := io.WriteString(c, "bye")
		return err
	})}}}
	entered, proceed := make(chan struct{}, 1), make(chan struct{})
	srv, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" { // under way when the drain begins
			entered <- struct{}{}
			<-proceed
		}
		s.ServeHTTP(w, r)
	}))
	p, q, late := call(t, address), call(t, address), call(t, address)
	p.say(ask)
	p.want(switched + "hello")
	q.say(ask)
	q.want(switched + "hello")
	late.say("GET /late" + ask[len("GET /"):])
	receive(t, entered)

	type result struct {
		counts DrainCounts
		err    error
	}
	ended := make(chan result, 1)
	go func() { // received below
		counts, err := Shutdown(t.Context(), srv, Drain{Restart: true})
		ended <- result{counts, err}
	}()
	for range 2 {
		if cause := receive(t, leaving); cause != ErrRestart {
			t.Error(cause)
		}
	}
	close(proceed)
	late.wantAnswer(503, "The server is going away")
	late.wantEnd()
	select {
	case r := <-ended:
		t.Errorf("it does not wait for the handlers: %+v", r)
	default:
	}
	close(finish)
	p.want("bye")
	q.want("bye")
	if r := receive(t, ended); r.counts != (DrainCounts{Clean: 2}) || r.err != nil {
		t.Errorf("got %+v", r)
	}
	if len(returned) != 2 {
		t.Errorf("%d handlers have returned", len(returned))
	}
	p.wantEnd()
	q.wantEnd()
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the server still listens")
	}
}

// A handler counts until it has returned, also when its connection has ended.
func TestServeIsCountedUntilItReturns(t *testing.T) {
	group, lens := new(Group), make(chan int, 1)
	_, address := serve(t, &Switch{Group: group, Protocols: []Offer{{example, ProtocolFunc(func(_ context.Context, _ *Request, c Conn) error {
		defer func() { lens <- group.Len() }()
		return c.Close()
	})}}})
	p := call(t, address)
	p.say(ask)
	if n := receive(t, lens); n != 1 {
		t.Errorf("%d, want 1", n)
	}
	eventually(t, "nobody is left", func() bool { return group.Len() == 0 })
}

// When ctx ends, who is left is reset.
func TestShutdownOfAServerAborts(t *testing.T) {
	a := newAcceptor(nil) // nobody says how to leave
	srv, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	p.want(switched)
	c := a.conn(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { // ends with the drain's beginning
		for GroupOf(srv).Draining() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel(errStop)
	}()
	counts, err := Shutdown(ctx, srv, Drain{})
	if counts != (DrainCounts{Forced: 1}) || !errors.Is(err, errStop) {
		t.Errorf("got %+v, %v", counts, err)
	}
	p.wantReset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// The same error is not said twice.
func TestShutdownsErrorIsSaidOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	srv, address := serve(t, newAcceptor(nil))
	p := call(t, address) // a connection that srv.Shutdown waits for
	p.say("GET ")
	if _, err := GroupOf(srv).Join(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Shutdown(ctx, srv, Drain{}); err == nil || err.Error() != "context canceled" {
		t.Errorf("got %v", err)
	}
}

// A connection that is aborted while it is being accepted is not handed out.
func TestAbortWhileAccepting(t *testing.T) {
	group := new(Group)
	a := newAcceptor(&AcceptOptions{Group: group})
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		return onHijack{w, func() { // a place is reserved, and the connection is not there yet
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			if counts, _ := group.Shutdown(ended, Drain{}); counts != (DrainCounts{Forced: 1}) {
				t.Errorf("got %+v", counts)
			}
		}}, r
	}
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	if err := receive(t, a.errs); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	p.wantReset()
	if group.Len() != 0 {
		t.Errorf("%d left", group.Len())
	}
}

// One that is accepted during the drain is not missed.
func TestAcceptDuringTheDrain(t *testing.T) {
	group := new(Group)
	counted := make(chan DrainCounts, 1)
	s := &Switch{Group: group, Protocols: []Offer{{example, ProtocolFunc(func(ctx context.Context, r *Request, c Conn) error {
		<-ctx.Done()
		_, err := io.WriteString(c, "bye")
		return err
	})}}}
	_, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(onHijack{w, func() {
			go func() { // received below
				counts, _ := group.Shutdown(t.Context(), Drain{})
				counted <- counts
			}()
			eventually(t, "it drains", func() bool { return group.Draining() != nil })
		}}, r)
	}))
	p := call(t, address)
	p.say(ask)
	p.want(switched + "bye")
	if counts := receive(t, counted); counts != (DrainCounts{Clean: 1}) {
		t.Errorf("got %+v", counts)
	}
}

// After srv.Shutdown alone, who does not leave is aborted after 30 seconds.
func TestServerShutdownAloneIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l := newAcceptor(nil), newPipes()
		srv := serveOn(t, l, a)
		client, _ := l.dial(t.Context(), "", "")
		p := &peer{Conn: client, t: t, in: bufio.NewReader(client)}
		p.say(ask)
		p.want(switched)
		c := <-a.conns
		began := time.Now()
		if err := srv.Shutdown(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		p.wantEnd()
		if d := time.Since(began).Round(time.Second); d != 30*time.Second {
			t.Errorf("after %v", d)
		}
		p.Close()
		c.Close()
	})
}
