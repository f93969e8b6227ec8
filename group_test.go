package wye

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestGroupCounts(t *testing.T) {
	var g Group // the zero value is ready
	if g.Len() != 0 || g.Draining() != nil {
		t.Error("somebody is there")
	}
	a, errA := g.Join(nil)
	b, errB := g.Join(func(error) {})
	if errA != nil || errB != nil || g.Len() != 2 {
		t.Fatal(errA, errB, g.Len())
	}
	a.Done()
	a.Done() // again is nothing
	if g.Len() != 1 {
		t.Errorf("%d, want 1", g.Len())
	}
	b.Done()
	if g.Len() != 0 {
		t.Errorf("%d, want 0", g.Len())
	}
}

// A nil Group, and a nil or zero Member, is in none.
func TestNoGroup(t *testing.T) {
	var none *Group
	m, err := none.Join(func(error) { t.Error("aborted") })
	if m != nil || err != nil || none.Len() != 0 || none.Draining() != nil {
		t.Error(m, err)
	}
	if counts, err := none.Shutdown(t.Context(), Drain{}); counts != (DrainCounts{}) || err != nil {
		t.Error(counts, err)
	}
	for _, m := range []*Member{nil, {}} {
		m.OnLeave(nil)
		m.Done()
		m.arm(nil)
		m.hold()()
	}
	if GroupOf(nil) != nil {
		t.Error("no server has a group")
	}
}

// A draining group lets nobody in.
func TestJoinWhileDraining(t *testing.T) {
	var g Group
	g.Shutdown(t.Context(), Drain{Restart: true})
	if !errors.Is(g.Draining(), ErrRestart) {
		t.Error(g.Draining())
	}
	m, err := g.Join(func(error) { t.Error("aborted") })
	var a Answerer
	if m != nil || !errors.Is(err, ErrRestart) || !errors.As(err, &a) {
		t.Fatal(m, err)
	}
	if status, header, text := a.Answer(); status != 503 || header.Get("Connection") != "close" || !strings.Contains(text, "try again") {
		t.Error(status, header, text)
	}
	g.Shutdown(t.Context(), Drain{}) // a second cause changes nothing
	if !errors.Is(g.Draining(), ErrRestart) {
		t.Error(g.Draining())
	}
}

// A connection may be asked for before it is there: it is aborted when it is.
func TestKillBeforeArm(t *testing.T) {
	var g Group
	m, err := g.reserve()
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if counts, err := g.Shutdown(ended, Drain{}); counts != (DrainCounts{Forced: 1}) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v", counts, err)
	}
	var causes []error
	m.arm(func(cause error) {
		causes = append(causes, cause)
		m.Done() // which may be called from there
	})
	if len(causes) != 1 || causes[0] != ErrShutdown || g.Len() != 0 {
		t.Errorf("aborted with %v, %d left", causes, g.Len())
	}
}

// Join, OnLeave, Done and a Shutdown come in any order, from anywhere.
func TestGroupFromManyGoroutines(t *testing.T) {
	for range 50 {
		var g Group
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				m, err := g.Join(func(error) { t.Error("aborted") })
				if err != nil {
					return
				}
				moves := []func(){
					func() { m.OnLeave(func(context.Context, error) error { m.Done(); return nil }) },
					func() { m.hold()() },
					func() { g.Len() },
					m.Done,
				}
				rand.Shuffle(len(moves), func(i, j int) { moves[i], moves[j] = moves[j], moves[i] })
				for _, f := range moves {
					f()
				}
			})
		}
		for range 2 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if _, err := g.Shutdown(ctx, Drain{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if g.Len() != 0 || g.Draining() == nil {
			t.Fatalf("%d left, draining for %v", g.Len(), g.Draining())
		}
	}
}

// One server has one group.
func TestGroupOf(t *testing.T) {
	var within struct {
		name string
		srv  http.Server
	}
	seen := make(map[*Group]string)
	for name, srv := range map[string]*http.Server{"one": new(http.Server), "another": new(http.Server), "not on the heap": &global, "within a struct": &within.srv} {
		g := GroupOf(srv)
		if again := GroupOf(srv); g == nil || again != g {
			t.Errorf("%s has the groups %p and %p", name, g, again)
		}
		if seen[g] != "" {
			t.Errorf("%s has the group of %s", name, seen[g])
		}
		seen[g] = name
	}
}

// global is no allocation of its own.
var global http.Server

// The group of a server that is gone goes too.
func TestGroupOfAServerThatIsCollected(t *testing.T) {
	entries := func() int {
		servers.Lock()
		defer servers.Unlock()
		return len(servers.groups)
	}
	func() {
		for range 100 {
			srv := new(http.Server)
			if m, err := GroupOf(srv).Join(nil); m == nil || err != nil {
				t.Error(m, err)
			}
		}
	}()
	eventually(t, "the entries are forgotten", func() bool {
		runtime.GC()
		return entries() < 50 // those of other tests may be there for as long as they like
	})
}

// srv.Shutdown alone tells the members to leave. It does not wait for them.
func TestServerShutdownTellsTheMembers(t *testing.T) {
	left := make(chan error, 1)
	leaving := make(chan struct{})
	a := newAcceptor(nil)
	srv, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	p.want(switched)
	c := a.conn(t)
	c.(interface {
		OnLeave(func(context.Context, error) error)
	}).OnLeave(func(ctx context.Context, cause error) error {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Minute {
			t.Error("there is no bound")
		}
		left <- cause
		<-leaving
		return c.Close()
	})
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if cause := receive(t, left); cause != ErrShutdown {
		t.Error(cause)
	}
	p.say("still")
	wantRead(t, c, "still")
	if GroupOf(srv).Draining() != ErrShutdown {
		t.Error("somebody might join")
	}
	close(leaving)
	p.wantEnd()
}
