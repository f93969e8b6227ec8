// Package enginetest has the obligations of a [hub.Engine] as tests, as
// testing/slogtest has those of a slog.Handler. An engine's own tests call [Run].
package enginetest

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

// A Subject is the engine under test, and what a test can do to it. What cannot
// be done is nil; checks that need it are skipped.
type Subject struct {
	// New returns an engine in which nothing is stored yet.
	New func(t testing.TB) hub.Engine

	// Kill ends a link as the death of its process would: without a word.
	Kill func(hub.Link)

	// Cut puts the engine out of reach for all links, until mend is called.
	Cut func(hub.Engine) (mend func())

	// Forget has the engine lose all history, as when its disks are lost.
	Forget func(hub.Engine)

	// Bubble says that the engine has no input or output, so each check runs
	// in a bubble of testing/synctest, where time is simulated. Without it
	// the check that has to wait for the idempotency window is skipped.
	Bubble bool

	// Parallel has the checks run beside each other, which is for engines
	// that have to wait for time to pass.
	Parallel bool

	// Skip are checks, by what their subtests are called, that are not run.
	Skip []string

	// Interleavings is how often the race of Subscribe with Publish is run.
	// 0: 10,000 times, or a million with WYE_SLOW=1 in the environment.
	Interleavings int
}

// Run runs every check as a subtest.
func Run(t *testing.T, s Subject) {
	for _, c := range checks {
		t.Run(c.id, func(t *testing.T) {
			if slices.Contains(s.Skip, c.id) {
				t.Skip("the subject's Skip names it")
			}
			if s.Parallel {
				t.Parallel()
			}
			failures, skipped := c.try(t, s)
			if skipped != "" {
				t.Skip(skipped)
			}
			for _, f := range failures {
				t.Errorf("%s: %s", c.why, f)
			}
		})
	}
}

// A check is one obligation.
type check struct {
	id   string
	why  string // the obligation in words
	run  func(*trial)
	real bool // runs on real goroutines, outside of a bubble
}

var checks = []check{
	{id: "live-order", why: "a live channel reaches who has subscribed it, in order", run: liveOrder},
	{id: "live-alone", why: "a live channel without subscribers takes messages", run: liveAlone},
	{id: "intact", why: "messages arrive as they were published", run: intact},
	{id: "unsubscribe", why: "unsubscribing ends it", run: unsubscribe},
	{id: "one-order", why: "one order for all", run: oneOrder},
	{id: "stored", why: "what is acknowledged is stored", run: stored},
	{id: "pages", why: "history is read in pages", run: pages},
	{id: "recovery", why: "recovery is without a gap", run: recovery},
	{id: "overflow", why: "overflow is told", run: overflow},
	{id: "ttl", why: "messages grow old", run: ttl},
	{id: "other-epoch", why: "no recovery from another epoch", run: otherEpoch},
	{id: "forget", why: "lost history has another epoch", run: forget},
	{id: "key-once", why: "a key is stored once", run: idempotency},
	{id: "key-retries", why: "a key is stored once by concurrent retries", run: idempotencyRace},
	{id: "key-window", why: "a key is forgotten after its time", run: idempotencyWindow},
	{id: "kinds", why: "who comes and goes is not stored", run: kinds},
	{id: "race", why: "nothing is lost between subscribing and reading", run: race, real: true},
	{id: "presence", why: "members are those of all nodes", run: presence},
	{id: "lease", why: "members of a dead node vanish", run: lease},
	{id: "goodbye", why: "a node that leaves takes its members along", run: goodbye},
	{id: "ask", why: "nodes can ask each other", run: ask},
	{id: "names", why: "hostile names do not meet", run: names},
	{id: "away", why: "an engine that is away says so", run: away},
	{id: "closed", why: "a closed link is closed", run: closed},
	{id: "slow", why: "a slow member holds up nobody", run: slow},
	{id: "whole", why: "a hub's members miss nothing", run: whole},
}

// try runs the check against a new engine.
func (c check) try(t *testing.T, s Subject) (failures []string, skipped string) {
	run := func(t *testing.T) {
		tr := &trial{t: t, subject: s}
		tr.try(c.run)
		failures, skipped = tr.failures, tr.skipped
	}
	if s.Bubble && !c.real {
		synctest.Test(t, run)
	} else {
		run(t)
	}
	return failures, skipped
}

// A trial is one run of a check.
type trial struct {
	t       *testing.T
	subject Subject
	engine  hub.Engine

	mu       sync.Mutex // guards failures
	failures []string
	skipped  string
	cleanup  []func()
}

// stop ends a check early.
type stop struct{}

func (tr *trial) try(run func(*trial)) {
	defer func() {
		for i := len(tr.cleanup) - 1; i >= 0; i-- {
			tr.cleanup[i]()
		}
	}()
	defer func() {
		if v := recover(); v != nil && v != (stop{}) {
			tr.errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	tr.engine = tr.subject.New(tr.t)
	run(tr)
}

func (tr *trial) errorf(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.failures = append(tr.failures, fmt.Sprintf(format, args...))
}

// fatalf is for the check's own goroutine.
func (tr *trial) fatalf(format string, args ...any) {
	tr.errorf(format, args...)
	panic(stop{})
}

func (tr *trial) skip(why string) {
	tr.skipped = why
	panic(stop{})
}

// patience is how long a check waits for what has to come. Where time is real, so is
// the load on the machine.
func (tr *trial) patience() time.Duration {
	if tr.subject.Bubble {
		return 10 * time.Second
	}
	return time.Minute
}

// await waits until cond holds.
func (tr *trial) await(what string, cond func() bool) {
	for end := time.Now().Add(tr.patience()); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tr.fatalf("%s: not within %v", what, tr.patience())
		}
	}
}

// quiet is long enough for what must not come.
func (tr *trial) quiet() { time.Sleep(100 * time.Millisecond) }

func (tr *trial) interleavings() int {
	switch {
	case tr.subject.Interleavings > 0:
		return tr.subject.Interleavings
	case os.Getenv("WYE_SLOW") == "1":
		return 1_000_000
	}
	return 10_000
}

// The namespaces of every trial.
var (
	live  = hub.Namespace{Name: "live", Presence: hub.Presence{TTL: leaseTTL}, MaySubscribe: hub.Anyone, MayPublish: hub.Anyone}
	logs  = hub.Namespace{Name: "log", History: hub.History{Size: 1000, TTL: time.Hour}, Presence: hub.Presence{TTL: leaseTTL}, MaySubscribe: hub.Anyone, MayPublish: hub.Anyone}
	small = hub.Namespace{Name: "small", History: hub.History{Size: 5, TTL: time.Hour}, MaySubscribe: hub.Anyone}
	brief = hub.Namespace{Name: "brief", History: hub.History{Size: 100, TTL: briefTTL}, MaySubscribe: hub.Anyone}
)

const (
	leaseTTL = 3 * time.Second
	briefTTL = 2 * time.Second
)

func in(ns *hub.Namespace, rest string) hub.Channel {
	return hub.Channel{Name: ns.Name + ":" + rest, Namespace: ns}
}

// listed says strings one after another.
func listed(s []string) string { return strings.Join(s, " ") }
