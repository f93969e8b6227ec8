package main

import (
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye/peers/internal/fake"
	"github.com/wye-org/wye/peers/internal/load"
)

func TestParseSizes(t *testing.T) {
	if got, err := parseSizes("100,1000,19000"); err != nil || len(got) != 3 || got[2] != 19000 {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "100", "100,100", "1000,100", "0,1", "-1,1", "1,x", "1,"} {
		if got, err := parseSizes(s); err == nil {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}

// From any number of connections all have their turn, and none twice before.
func TestStride(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 10, 64, 100, 1000, 7919, 19000} {
		seen := make([]bool, n)
		for i := range n {
			at := i * stride(n) % n
			if seen[at] {
				t.Fatalf("%d: %d has two turns", n, at)
			}
			seen[at] = true
		}
	}
}

// clocks are a server's whose CPU time moves by a second a reading, of which 300
// ms are in user mode, and whose memory moves by a megabyte.
type clocks struct{ cpu, modes, memory int }

func (c *clocks) CPU() (time.Duration, error) {
	c.cpu++
	return time.Duration(c.cpu) * time.Second, nil
}

func (c *clocks) Modes() (user, kernel time.Duration, err error) {
	c.modes++
	return time.Duration(c.modes) * 300 * time.Millisecond, time.Duration(c.modes) * 700 * time.Millisecond, nil
}

func (c *clocks) Memory() (int64, error) {
	c.memory++
	return int64(c.memory) * 1_000_000, nil
}

func (c *clocks) SettledMemory() (int64, error) { return c.Memory() }

// Every connection has messages, all of them come back, and a point is what lies
// between two readings.
func TestGrow(t *testing.T) {
	var mu sync.Mutex
	messages := make(map[string]int) // by the client's address
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		for {
			first, p, err := c.Read()
			if err != nil {
				return
			}
			mu.Lock()
			messages[c.RemoteAddr().String()]++
			mu.Unlock()
			if c.Write(first, p) != nil {
				return
			}
		}
	})
	who := contender{name: "x"}
	r := newResults([]contender{who}, setup{[]int{10, 200}, 1, 0, time.Millisecond})
	if err := r.grow(new(clocks), who, load.Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
		t.Fatal(err)
	}
	if len(messages) != 200 || srv.Conns.Load() != 200 {
		t.Errorf("%d connections had messages, of %d; want 200", len(messages), srv.Conns.Load())
	}
	for i, opened := range []int{10, 190} {
		p := r.points["x"][i][0]
		if p.open != time.Second/time.Duration(opened) {
			t.Errorf("to open one of %d took %s", opened, p.open)
		}
		if p.user != 300*time.Millisecond || p.kernel != 700*time.Millisecond || p.message <= 0 || p.message > time.Second/10 {
			t.Errorf("%+v", p)
		}
		if p.inUse-p.memory != 1_000_000 {
			t.Errorf("memory %d, in use %d; want it read before and after", p.memory, p.inUse)
		}
	}
	// Idle: a second of CPU in a millisecond, for 200.
	if got := r.idle["x"]; len(got) != 1 || math.Abs(got[0]-1e9/0.001/200) > 1 {
		t.Errorf("idle %v", got)
	}
}

// circle sends each message once its place is free, and waits for all.
func TestCircle(t *testing.T) {
	srv := fake.Serve(t, "", fake.Echo)
	g, err := load.New()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Open(100, load.Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, underWay, 500} {
		got, err := circle(g, load.Binary(64).Frame(0), func(sent int, _ time.Duration) bool { return sent >= want })
		// Those of one turn more may have been sent.
		if err != nil || got < max(want, underWay) || got > max(want, underWay)+10*underWay {
			t.Errorf("%d messages, %v; want %d", got, err, want)
		}
	}
}

// The clients' addresses change before their ports run out, however many are
// added at a time.
func TestOpenFromSeveralAddresses(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[string]int)
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		if _, _, err := c.Read(); err != nil {
			return
		}
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		mu.Lock()
		seen[host]++
		mu.Unlock()
		_ = c.Write(0x82, nil)
		_, _, _ = c.Read()
	})
	g, err := load.New()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, n := range []int{1, 5, 5} {
		if err := open(g, n, 2, load.Target{Addr: srv.Addr, Path: "/echo"}); err != nil || len(g.Clients) != n {
			t.Fatalf("%d connections, %v; want %d", len(g.Clients), err, n)
		}
	}
	if n, err := circle(g, load.Binary(1).Frame(0), func(sent int, _ time.Duration) bool { return true }); n != 5 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
	if len(seen) != 3 || seen["127.0.0.2"] != 2 || seen["127.0.0.3"] != 2 || seen["127.0.0.4"] != 1 {
		t.Errorf("%v, want two of each address", seen)
	}
}

// A ping's cost is that of those that came between two readings, and each
// connection has had one before.
func TestKeepAlive(t *testing.T) {
	srv := fake.Serve(t, "", func(c *fake.Conn) {
		for {
			if c.Write(0x89, []byte("ping")) != nil {
				return
			}
			if first, p, err := c.Read(); err != nil || first != 0x8a || string(p) != "ping" {
				return
			}
		}
	})
	who := contender{name: "x"}
	r := newResults([]contender{who}, setup{sizes: []int{2, 10}, rounds: 1})
	var c clocks
	if err := r.keepAlive(&c, who, load.Target{Addr: srv.Addr, Path: "/echo"}); err != nil {
		t.Fatal(err)
	}
	if got := r.ping["x"]; len(got) != 1 || got[0] > 1e9/20 || got[0] < 1e9/29.5 || c.cpu != 2 {
		t.Errorf("%v of a second in %d readings; want it divided by 20 to 29 pings", got, c.cpu)
	}
}

// made has lines that are known: 10 MB and 1,000 B each, the kernel's 4,000 B at
// each end, and 10 µs a message.
func made(who ...string) *results {
	var some []contender
	for _, c := range contenders {
		for _, name := range who {
			if c.name == name {
				some = append(some, c)
			}
		}
	}
	r := newResults(some, setup{[]int{100, 1000, 19000}, 3, time.Second, time.Second})
	r.took, r.neighbours, r.flags = time.Minute, 0.01, "-rounds 3 -time 1s"
	for _, c := range some {
		for i, n := range r.sizes {
			for range 3 {
				r.points[c.name][i] = append(r.points[c.name][i], point{
					open: 100 * time.Microsecond, memory: 10_000_000 + 1000*int64(n), inUse: 20_000_000, sockets: 50_000_000 + 8000*int64(n),
					message: 10 * time.Microsecond, user: 25 * time.Millisecond, kernel: 75 * time.Millisecond,
				})
			}
		}
		r.idle[c.name] = []float64{1, 2, 3}
		if c.name != limit {
			r.ping[c.name] = []float64{12_000, 12_000, 12_000}
		}
	}
	return r
}

func TestPredict(t *testing.T) {
	p := made("wye-loop-http").predict("wye-loop-http")
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want/1e6 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	near("memory", p.memory, 10e6+1e9)
	near("the kernel's", p.kernel, 4e9)
	near("messages", p.messages, 1e6/30*10e-6)
	near("pings", p.pings, 1e6/20*12e-6)
	near("coming back", p.comeBack, 1e6/300*100e-6)
	near("ram", p.ram(), 2*1.01e9+4e9+1e9)
	if gb, cores := p.machine(); gb != 8 || cores != 2 {
		t.Errorf("%d GB, %d cores; want 8 and 2", gb, cores)
	}
	if gb, cores := (prediction{memory: 10e9, messages: 3, comeBack: 9}).machine(); gb != 24 || cores != 12 {
		t.Errorf("%d GB, %d cores; want 24 and 12", gb, cores)
	}
}

func TestRounded(t *testing.T) {
	for x, want := range map[float64]int{0.1: 2, 2: 2, 2.1: 3, 3.5: 4, 4.1: 6, 7: 8, 9: 12, 13: 16, 17: 24, 25: 32} {
		if got := rounded(x); got != want {
			t.Errorf("%v: %d, want %d", x, got, want)
		}
	}
	rounded(math.Inf(1))
}

func TestPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scale.md")
	if err := made(limit, "wye-loop-http", "wye-conn").write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, want := range []string{
		"cd peers && go run ./scale -rounds 3 -time 1s\n",
		"given 100 to 19,000 connections",
		"the machine was quiet",
		"| **wye-loop-http** | 10.0 MB | 1.00 KB | 4.00 KB | 5.00 KB | 100 µs | 2 ns | 0.0 % |\n",
		"| **wye-conn** | 10.0 µs | 10.0 µs | 10.0 µs | × 1.00 | 25 % | 12.0 µs |\n",
		"| c-epoll | 10.0 µs | 10.0 µs | 10.0 µs | × 1.00 | 25 % | – |\n",
		"| **wye-loop-http** | 19,000 | 29.0 MB (20.0 MB) | 76.0 MB | 0 B | 100 µs | 10.0 µs (10.0 µs – 10.0 µs) | 25 % |\n",
		"| **wye-loop-http** | 1.01 GB | 4.00 GB | 0.33 | 0.60 | 0.33 | 8 GB, 2 cores |\n",
		"![Memory of the process](scale/memory.svg)\n![Server CPU of a 64 B echo](scale/message.svg)\n",
		"| `net.core.somaxconn` |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "%!") || strings.Contains(page, "Inf") {
		t.Error("the page has what no reader should see")
	}
	if million := page[strings.Index(page, "## A million"):]; strings.Contains(million, "| c-epoll") {
		t.Error("the limit, which sends no pings, is predicted")
	}
}

// Without root the kernel's part is not known, and without pings theirs; the rest
// is.
func TestPageOfHalf(t *testing.T) {
	r := made("wye-loop-http")
	r.ping = nil
	for i := range r.sizes {
		for j := range r.points["wye-loop-http"][i] {
			r.points["wye-loop-http"][i][j].sockets = 0
		}
	}
	path := filepath.Join(t.TempDir(), "scale.md")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), "NaN") || !strings.Contains(string(b), "| **wye-loop-http** | 10.0 MB | 1.00 KB | – | 1.00 KB |") ||
		!strings.Contains(string(b), "| **wye-loop-http** | 1.01 GB | – | 0.33 | – | 0.33 | 4 GB, 2 cores |") {
		t.Errorf("%v, or what is not known is there", err)
	}
}

func TestNamed(t *testing.T) {
	const out = "=== RUN   TestX\n    x_test.go:47:   40 settings, request\n    x_test.go:47:  176 the receiving direction | its rate\n--- PASS: TestX (0.00s)\nPASS\n"
	const want = "| bytes | of what |\n|---|---|\n| 40 | settings, request |\n| 176 | the receiving direction \\| its rate |\n"
	if got := named(out); got == nil || got.String() != want {
		t.Errorf("%v, want\n%s", got, want)
	}
	if named("PASS\n") != nil {
		t.Error("nothing has a table")
	}
}
