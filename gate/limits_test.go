package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wantStatus says that g refuses r with that status, for that reason, and
// returns the answer's header.
func wantStatus(t *testing.T, g *Gate, r *http.Request, status int, fact error) http.Header {
	t.Helper()
	pass, err := g.Check(r)
	var rejection *Rejection
	if !errors.As(err, &rejection) || pass != nil {
		t.Fatalf("want a refusal with %d, got %v, %v", status, pass, err)
	}
	got, header, _ := rejection.Answer()
	if got != status || !errors.Is(err, fact) {
		t.Errorf("want %d for %q, got %d: %v", status, fact, got, err)
	}
	wantLoggable(t, err)
	return header
}

func wantRetryAfter(t *testing.T, h http.Header, want int) {
	t.Helper()
	if got := h.Get("Retry-After"); got != strconv.Itoa(want) {
		t.Errorf("Retry-After is %q, want %d", got, want)
	}
}

// wantPass says that g lets r in; the caller releases the pass.
func wantPass(t *testing.T, g *Gate, r *http.Request) *Pass {
	t.Helper()
	pass, err := g.Check(r)
	if err != nil {
		t.Fatalf("want a pass, got %v", err)
	}
	return pass
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Rate: Rate{PerSecond: 0.5, Burst: 3}}
		ask := func(peer string) *http.Request { return from(request("example.com"), peer) }
		for range 3 {
			wantPass(t, g, ask("203.0.113.9")).Release()
		}
		wantRetryAfter(t, wantStatus(t, g, ask("203.0.113.9"), 429, ErrRate), 2)
		wantPass(t, g, ask("203.0.113.10")) // somebody else

		// Who asks too early is told the rest of the time, and no more.
		time.Sleep(1500 * time.Millisecond)
		wantRetryAfter(t, wantStatus(t, g, ask("203.0.113.9"), 429, ErrRate), 1)
		time.Sleep(time.Second)
		wantPass(t, g, ask("203.0.113.9"))
		wantRetryAfter(t, wantStatus(t, g, ask("203.0.113.9"), 429, ErrRate), 2)
	})
}

func TestRetryAfterIsTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, perSecond := range []float64{0.001, 0.3, 1, 7, 10.0 / 60} {
			g := &Gate{Rate: Rate{PerSecond: perSecond}}
			r := from(request("example.com"), "203.0.113.9")
			for range g.Rate.limiter().Burst() {
				wantPass(t, g, r)
			}
			seconds, err := strconv.Atoi(wantStatus(t, g, r, 429, ErrRate).Get("Retry-After"))
			if err != nil || seconds < 1 {
				t.Fatalf("Retry-After: %d, %v", seconds, err)
			}
			time.Sleep(time.Duration(seconds) * time.Second)
			wantPass(t, g, r)
		}
	})
}

func TestFailuresCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Rate: Rate{PerSecond: 1, Burst: 2}, Hosts: []string{"example.com"}}
		wantStatus(t, g, from(request("evil.example"), "203.0.113.9"), 403, ErrHost)
		wantStatus(t, g, from(request("example.com", "https://evil.example"), "203.0.113.9"), 403, ErrOrigin)
		wantStatus(t, g, from(request("example.com"), "203.0.113.9"), 429, ErrRate)
		// The order is what it is: the Host comes first.
		wantStatus(t, g, from(request("evil.example"), "203.0.113.9"), 403, ErrHost)
	})
}

func TestRateOfANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Rate: Rate{PerSecond: 1, Burst: 1}}
		wantPass(t, g, from(request("example.com"), "[2001:db8::1]"))
		wantStatus(t, g, from(request("example.com"), "[2001:db8::2]"), 429, ErrRate)
		wantPass(t, g, from(request("example.com"), "[2001:db8:0:1::1]"))
	})
}

func TestRateBehindAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Rate: Rate{PerSecond: 1, Burst: 1}, TrustedProxies: prefixes("10.0.0.0/8")}
		ask := func(client string) *http.Request {
			r := from(request("example.com"), "10.0.0.1")
			r.Header.Set("X-Forwarded-For", client)
			return r
		}
		wantPass(t, g, ask("203.0.113.9"))
		wantPass(t, g, ask("203.0.113.10"))
		wantStatus(t, g, ask("192.0.2.1, 203.0.113.9"), 429, ErrRate)
	})
}

// The memory that clients cost is bounded, and who was not heard of the longest
// is forgotten first.
func TestClientsAreForgotten(t *testing.T) {
	var b buckets
	now := time.Unix(0, 0)
	once := Rate{PerSecond: 1e-6, Burst: 1}
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range maxClients {
		b.take(addr(i), once, now)
	}
	if b.take(addr(0), once, now) == 0 {
		t.Error("the first client was forgotten while there was room")
	}
	b.take(addr(maxClients), once, now) // puts the second out
	if n := b.of.len(); n != maxClients {
		t.Errorf("%d clients are remembered, want at most %d", n, maxClients)
	}
	if b.take(addr(0), once, now) == 0 {
		t.Error("a client that was just heard of is forgotten")
	}
	if b.take(addr(1), once, now) != 0 {
		t.Error("the client that was not heard of the longest is remembered")
	}
}

func TestARateThatIsNone(t *testing.T) {
	for _, r := range []Rate{{PerSecond: -1}, {Burst: 3}, {PerSecond: 1, Burst: -1}} {
		g := &Gate{Rate: r}
		if g.Validate() == nil {
			t.Errorf("%+v is taken for a rate", r)
		}
		wantStatus(t, g, request("example.com"), 503, ErrRate)
	}
}

func TestMaxConnections(t *testing.T) {
	g := &Gate{MaxConnections: 2, MaxConnectionsPerClient: 5}
	ask := func(i int) *http.Request { return from(request("example.com"), fmt.Sprintf("203.0.113.%d", i)) }
	first, second := wantPass(t, g, ask(1)), wantPass(t, g, ask(2))
	wantRetryAfter(t, wantStatus(t, g, ask(3), 503, ErrFull), 10)
	first.Release()
	first.Release() // gives nothing back that another holds
	third := wantPass(t, g, ask(3))
	wantStatus(t, g, ask(1), 503, ErrFull)
	second.Release()
	third.Release()
	if g.slots.all != 0 || len(g.slots.of) != 0 {
		t.Errorf("%d slots are held, of %v, when all were given back", g.slots.all, g.slots.of)
	}
}

func TestMaxConnectionsPerClient(t *testing.T) {
	g := &Gate{MaxConnectionsPerClient: 2, TrustedProxies: prefixes("127.0.0.1/32")}
	ask := func(peer string, forwarded ...string) *http.Request {
		r := from(request("example.com"), peer)
		if len(forwarded) > 0 {
			r.Header["X-Forwarded-For"] = forwarded
		}
		return r
	}
	pass := wantPass(t, g, ask("203.0.113.9"))
	wantPass(t, g, ask("203.0.113.9"))
	wantStatus(t, g, ask("203.0.113.9"), 429, ErrFull)
	wantStatus(t, g, ask("127.0.0.1", "203.0.113.9"), 429, ErrFull)
	wantPass(t, g, ask("203.0.113.10"))
	pass.Release()
	wantPass(t, g, ask("203.0.113.9"))

	// This machine's own are as many as they like, unless they come through a
	// proxy: else who makes it say nothing of use would be bound by nothing.
	for range 5 {
		wantPass(t, g, ask("127.0.0.2"))
		wantPass(t, g, ask("[::1]"))
	}
	for range 2 {
		wantPass(t, g, ask("127.0.0.1", "nonsense"))
	}
	wantStatus(t, g, ask("127.0.0.1", "nonsense"), 429, ErrFull)
}

// A slot that a refused request held is free again.
func TestRefusalsHoldNoSlot(t *testing.T) {
	g := &Gate{MaxConnections: 1, Hosts: []string{"example.com"}, Verifier: VerifierFunc(knows("right"))}
	for range 3 {
		wantStatus(t, g, request("evil.example"), 403, ErrHost)
		wantStatus(t, g, request("example.com", "https://evil.example"), 403, ErrOrigin)
		wantStatus(t, g, request("example.com"), 401, ErrCredentials)
		wantStatus(t, g, bearing(request("example.com"), "wrong"), 401, ErrCredentials)
	}
	pass, err := g.Admit(request("example.com"))
	if err != nil {
		t.Fatal(err)
	}
	pass.Release() // the handshake was wrong
	wantPass(t, g, bearing(request("example.com"), "right"))
}

func TestAVerifierThatPanicsHoldsNoSlot(t *testing.T) {
	g := &Gate{MaxConnections: 1, Verifier: VerifierFunc(nil)}
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a call of a nil function went well")
				}
			}()
			g.Check(bearing(request("example.com"), "any"))
		}()
	}
	if g.slots.all != 0 {
		t.Errorf("%d slots are held", g.slots.all)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	g := &Gate{MaxConnections: 4, MaxConnectionsPerClient: 3, Rate: Rate{PerSecond: 1e6, Burst: 1e6}}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				pass, err := g.Check(from(request("example.com"), fmt.Sprintf("203.0.113.%d", i%2)))
				if err != nil && !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				g.slots.mu.Lock()
				if g.slots.all > 4 {
					t.Errorf("%d connections", g.slots.all)
				}
				g.slots.mu.Unlock()
				pass.Release()
			}
		})
	}
	wg.Wait()
	if g.slots.all != 0 || len(g.slots.of) != 0 {
		t.Errorf("%d slots are held, of %v", g.slots.all, g.slots.of)
	}
}

func TestRecent(t *testing.T) {
	var m recent[int, string]
	if _, _, found := m.oldest(); found || m.len() != 0 {
		t.Error("an empty map has an oldest entry")
	}
	if _, found := m.touch(1); found {
		t.Error("an empty map has an entry")
	}
	for i, s := range []string{"a", "b", "c"} {
		m.add(i, s)
	}
	m.touch(0)
	m.take(2)
	for _, want := range []int{1, 0} {
		k, _, _ := m.oldest()
		if v, _ := m.take(k); k != want || v != string(rune('a'+k)) {
			t.Errorf("the oldest is %d %q, want %d", k, v, want)
		}
	}
	if _, found := m.take(0); found || m.len() != 0 {
		t.Error("what was taken is still there")
	}
	m.add(7, "again")
	if k, v, _ := m.oldest(); k != 7 || v != "again" {
		t.Errorf("got %d %q", k, v)
	}
}

// A page that is served to everybody costs a judgement of its Host and no more.
func BenchmarkCheck(b *testing.B) {
	r := from(request("example.com", "https://example.com"), "203.0.113.9")
	for name, g := range map[string]*Gate{
		"nil": nil, "zero": {},
		"all": {Hosts: []string{"example.com"}, Rate: Rate{1e9, 1e9}, MaxConnections: 10, MaxConnectionsPerClient: 10, TrustedProxies: prefixes("10.0.0.0/8")},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				pass, err := g.Check(r)
				if err != nil {
					b.Fatal(err)
				}
				pass.Release()
			}
		})
	}
}
