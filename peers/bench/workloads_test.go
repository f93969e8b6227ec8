package main

import (
	"bytes"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/wye-org/wye/peers/internal/fake"
	"github.com/wye-org/wye/peers/internal/load"
)

// clocks are a server's, that say what a test wants: its CPU time moves by a
// second a reading, its memory by a megabyte.
type clocks struct{ cpu, memory int }

func (c *clocks) CPU() (time.Duration, error) {
	c.cpu++
	return time.Duration(c.cpu) * time.Second, nil
}

func (c *clocks) SettledMemory() (int64, error) {
	c.memory++
	return int64(c.memory) * 1_000_000, nil
}

// counting echoes, and counts the messages.
func counting(n *atomic.Int64) func(*fake.Conn) {
	return func(c *fake.Conn) {
		for {
			first, p, err := c.Read()
			if err != nil {
				return
			}
			n.Add(1)
			if c.Write(first, p) != nil {
				return
			}
		}
	}
}

// The units of a sample are the messages that the server echoed, all of them, of
// which those of the warm-up are none.
func TestEcho(t *testing.T) {
	for _, burst := range []int{1, 16} {
		var n atomic.Int64
		srv := fake.Serve(t, "", counting(&n))
		g, err := load.New()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := g.Open(5, load.Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
			t.Fatal(err)
		}
		l := load.Binary(64)
		frames := load.Load{Data: l.Data, Frames: [][]byte{bytes.Repeat(l.Frame(0), burst)}}
		units, err := echoing(g, burst, frames, 20*time.Millisecond)
		if err != nil || int64(units) != n.Load() || units < 5*burst || units%burst != 0 {
			t.Errorf("bursts of %d: %d units, %v; the server echoed %d", burst, units, err, n.Load())
		}
	}
}

func TestEchoIsMeasured(t *testing.T) {
	runtime.LockOSThread() // whose clock is read
	defer runtime.UnlockOSThread()
	var n atomic.Int64
	srv := fake.Serve(t, "", counting(&n))
	var c clocks
	s, err := echo(3, 4, load.Binary(64))(&c, load.Target{Addr: srv.Addr, Path: "/echo"}, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if s.cpu != time.Second || c.cpu != 2 {
		t.Errorf("the server took %s in %d readings, want what is between two", s.cpu, c.cpu)
	}
	if all := int(n.Load()); s.units < 3*4 || s.units > all-3*4-3 {
		t.Errorf("%d units of %d messages, want those but for the warm-up and what is verified", s.units, all)
	}
	if s.took < 20*time.Millisecond || s.busy <= 0 {
		t.Errorf("took %s, busy %v", s.took, s.busy)
	}
}

// A server whose echo is wrong has no figure.
func TestEchoVerifies(t *testing.T) {
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		for {
			first, p, err := c.Read()
			if err != nil || c.Write(first, make([]byte, len(p))) != nil {
				return
			}
		}
	})
	target := load.Target{Addr: srv.Addr, Path: "/echo"}
	if s, err := echo(1, 1, load.Binary(64))(new(clocks), target, time.Millisecond); err == nil {
		t.Errorf("%+v, want an error", s)
	}
	srv = fake.Serve(t, "Sec-WebSocket-Extensions: permessage-deflate\r\n", func(c *fake.Conn) {
		for {
			first, p, err := c.Read()
			if err != nil || c.Write(first&^0x40, p) != nil {
				return
			}
		}
	})
	target.Addr, target.Deflate = srv.Addr, load.Takeover
	if s, err := compressing(1, 1, load.JSON(1<<10, load.Takeover))(new(clocks), target, 0); err == nil {
		t.Errorf("%+v, want an error", s)
	}
}

// A fan-out's units are the deliveries to all members, and the publisher is none.
func TestFanOut(t *testing.T) {
	members := make(chan *fake.Conn, 7)
	var published atomic.Int64
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		if c.Path == "/sub" {
			members <- c
			_, _, _ = c.Read()
			return
		}
		var all []*fake.Conn
		for {
			first, p, err := c.Read()
			if err != nil {
				return
			}
			for len(all) < cap(members) {
				all = append(all, <-members)
			}
			published.Add(1)
			for _, m := range all {
				if m.Write(first, p) != nil {
					return
				}
			}
		}
	})
	s, err := fanOut(7, 16, load.Binary(128))(new(clocks), load.Target{Addr: srv.Addr, Path: "/sub"}, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if all := int(published.Load()) * 7; s.units%(7*16) != 0 || s.units == 0 || s.units >= all {
		t.Errorf("%d units of %d deliveries, want whole bursts, but for the warm-up", s.units, all)
	}
}

func TestHandshakes(t *testing.T) {
	srv := fake.Serve(t, "", fake.Echo)
	s, err := handshakes(new(clocks), load.Target{Addr: srv.Addr, Path: "/echo"}, 20*time.Millisecond)
	if all := int(srv.Conns.Load()); err != nil || s.units == 0 || s.units >= all {
		t.Errorf("%+v, %v, of %d connections; want those but for the warm-up", s, err, all)
	}
}

// Memory is what it grows by, for each connection that is added.
func TestMemory(t *testing.T) {
	var messages atomic.Int64
	srv := fake.Serve(t, "", counting(&messages))
	s, err := idle(50)(new(clocks), load.Target{Addr: srv.Addr, Path: "/echo"}, 0)
	if n := srv.Conns.Load(); err != nil || s.bytes != 1_000_000/50 || s.units != 50 || n != 150 || messages.Load() != 0 {
		t.Errorf("%+v, %v, %d connections, %d messages; want 20,000 B, 150, 0", s, err, n, messages.Load())
	}
	srv = fake.Serve(t, "Sec-WebSocket-Extensions: permessage-deflate\r\n", counting(&messages))
	s, err = compressing(10, 5, load.JSON(1<<10, load.Takeover))(new(clocks), load.Target{Addr: srv.Addr, Path: "/echo", Deflate: load.Takeover}, 0)
	if n := srv.Conns.Load(); err != nil || s.bytes != 1_000_000/10 || n != 31 || messages.Load() != 30*5+3 {
		t.Errorf("%+v, %v, %d connections, %d messages; want 100,000 B, 31, 153", s, err, n, messages.Load())
	}
}

// What was due is sent with the time at which it was, however late it is asked
// for: nothing is left out, and nothing moved.
func TestPlan(t *testing.T) {
	p := &plan{interval: time.Millisecond, end: 100 * time.Millisecond}
	var sent []time.Duration
	for _, now := range []time.Duration{0, 0, 1500 * time.Microsecond, 50 * time.Millisecond, 50 * time.Millisecond, time.Second} {
		if err := p.due(now, func(at time.Duration) error { sent = append(sent, at); return nil }); err != nil {
			t.Fatal(err)
		}
		if got := len(sent); now == 50*time.Millisecond && got != 51 || now == 1500*time.Microsecond && got != 2 {
			t.Errorf("by %s %d are sent", now, got)
		}
		if p.over() != (now == time.Second) {
			t.Errorf("at %s over: %t", now, p.over())
		}
	}
	if len(sent) != 100 {
		t.Fatalf("%d sent, want 100", len(sent))
	}
	for i, at := range sent {
		if at != time.Duration(i)*time.Millisecond {
			t.Fatalf("message %d was due at %s", i, at)
		}
	}
}

// A server that stands still is charged with all that was due meanwhile, and not
// only with the one message that it was about to answer.
func TestOpenLoopSeesAStandstill(t *testing.T) {
	const n, interval = 100, time.Millisecond
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		var kept [][]byte
		for range n { // answers when the last message has come
			_, p, err := c.Read()
			if err != nil {
				return
			}
			kept = append(kept, p)
		}
		for _, p := range kept {
			if c.Write(0x82, p) != nil {
				return
			}
		}
	})
	g, err := load.New()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Open(1, load.Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
		t.Fatal(err)
	}
	latency, late := hdrhistogram.New(1, int64(longest), 3), hdrhistogram.New(1, int64(longest), 3)
	units, err := planned(g, &plan{interval: interval, end: n * interval}, load.Binary(64).Frame(0), latency, late)
	if err != nil || units != n || latency.TotalCount() != n || late.TotalCount() != n {
		t.Fatalf("%d units, %v, %d latencies, %d of the load's own; want %d", units, err, latency.TotalCount(), late.TotalCount(), n)
	}
	// The first waited for the last to be due, the middle one for half of that: a
	// slow machine can only add to it. Histograms keep three digits.
	for q, least := range map[float64]time.Duration{100: 99 * interval, 50: 49 * interval, 10: 9 * interval} {
		if got := time.Duration(latency.ValueAtQuantile(q)); got < least*995/1000 {
			t.Errorf("p%v is %s, want %s at least", q, got, least)
		}
	}
}

// A server that does not read is not waited for: that would be its plan.
func TestOpenLoopDoesNotWaitForTheServer(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	srv := fake.Serve(t, "", func(*fake.Conn) { <-stop })
	g, err := load.New()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Open(1, load.Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
		t.Fatal(err)
	}
	ignored := hdrhistogram.New(1, int64(longest), 3)
	if _, err := planned(g, &plan{interval: time.Microsecond, end: time.Minute}, load.Binary(1<<20).Frame(0), ignored, ignored); err == nil || !strings.Contains(err.Error(), "does not take") {
		t.Errorf("%v, want that the server does not take what is due", err)
	}
}
