package lease_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/lease"
	"github.com/wye-org/wye/hub"
)

// wire is an engine from which one server can be cut off.
type wire struct {
	*hub.Memory
	cut  *atomic.Bool
	deaf *atomic.Bool // it only hears nothing
}

type wireLink struct {
	hub.Link
	wire
}

type wireReceiver struct {
	hub.Receiver
	wire
}

func (w wire) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	l, err := w.Memory.Open(wireReceiver{r, w}, ns)
	return wireLink{l, w}, err
}

func (r wireReceiver) Receive(m *hub.Message) {
	if !r.cut.Load() && !r.deaf.Load() {
		r.Receiver.Receive(m)
	}
}

func (l wireLink) Publish(ctx context.Context, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
	if l.cut.Load() {
		<-ctx.Done() // the worst: it is not known whether it went well
		return hub.Receipt{}, hub.ErrUnavailable
	}
	return l.Link.Publish(ctx, ch, m, key)
}

func (l wireLink) Read(ctx context.Context, ch hub.Channel, q hub.Query) (hub.Page, error) {
	if l.cut.Load() {
		return hub.Page{}, hub.ErrUnavailable
	}
	return l.Link.Read(ctx, ch, q)
}

// A server wants to count.
type server struct {
	*lease.Lease
	hub  *hub.Hub
	cut  atomic.Bool
	deaf atomic.Bool

	mu      sync.Mutex // guards what is below
	running bool
	n       int    // the count, which is the baton
	story   string // what happened
	refuse  error  // what Begin returns
}

func (s *server) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.story += fmt.Sprintf(format, args...) + " "
}

// told is what happened since it was last asked for.
func (s *server) told() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	story := strings.TrimSpace(s.story)
	s.story = ""
	return story
}

func (s *server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func newServer(t *testing.T, memory *hub.Memory) *server {
	t.Helper()
	s := new(server)
	var err error
	s.hub, err = hub.New(hub.Options{Engine: wire{memory, &s.cut, &s.deaf}, Namespaces: []hub.Namespace{lease.Namespace()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.hub.Close() })
	return s
}

// seek begins to want it.
func (s *server) seek(t *testing.T) {
	s.Lease = lease.Seek(s.hub, lease.Task{
		Name: "count",
		Begin: func(_ context.Context, baton []byte) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.story += fmt.Sprintf("begin(%s) ", baton)
			if s.refuse == nil {
				s.n = 0
				fmt.Sscan(string(baton), &s.n)
				s.n++
			}
			return s.refuse
		},
		Run: func(ctx context.Context) {
			s.set(func() { s.running = true })
			<-ctx.Done()
			s.set(func() { s.running = false; s.n++ })
			s.tell("end")
		},
		Baton: func() []byte {
			s.mu.Lock()
			defer s.mu.Unlock()
			return fmt.Append(nil, s.n)
		},
		Heard:   func(baton []byte) { s.tell("heard(%s)", baton) },
		Changed: func() { s.tell("changed") },
	})
	t.Cleanup(s.Close)
}

func (s *server) tells(t *testing.T, want string) {
	t.Helper()
	if got := s.told(); got != want {
		t.Errorf("what happened is %q, want %q", got, want)
	}
}

func (s *server) isSettled() bool {
	select {
	case <-s.Settled():
		return true
	default:
		return false
	}
}

func TestOneAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		a := newServer(t, memory)
		began := time.Now()
		a.seek(t)
		a.tells(t, "begin() changed")
		if took := time.Since(began); took != 0 || !a.isSettled() {
			t.Errorf("it took %v; settled: %v", took, a.isSettled())
		}
		time.Sleep(time.Hour)
		a.tells(t, "")
		a.Close()
		a.tells(t, "end")
		// Who wants it next goes on from there, at once.
		b := newServer(t, memory)
		began = time.Now()
		b.seek(t)
		b.tells(t, "heard(2) changed begin(2) changed")
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestOnlyOneOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		var all []*server
		for range 8 {
			all = append(all, newServer(t, memory))
		}
		for _, s := range all {
			s.seek(t)
		}
		for turn := range 8 {
			time.Sleep(time.Minute)
			var owner *server
			for _, s := range all {
				if s.mu.Lock(); s.running {
					if owner != nil {
						t.Fatal("there are two")
					}
					owner = s
				}
				if s.mu.Unlock(); !s.isSettled() {
					t.Error("one is not settled")
				}
			}
			if owner == nil {
				t.Fatalf("turn %d: there is none", turn)
			}
			owner.set(func() {
				if owner.n != 2*turn+1 {
					t.Errorf("the %d. owner counts %d", turn, owner.n)
				}
			})
			owner.Close()
			all = append(all[:0:0], remove(all, owner)...)
		}
	})
}

func remove(all []*server, one *server) (rest []*server) {
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestAnOwnerThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		a, b := newServer(t, memory), newServer(t, memory)
		a.seek(t)
		a.tells(t, "begin() changed")
		b.seek(t)
		b.tells(t, "heard(1) changed")
		time.Sleep(10*time.Second + 100*time.Millisecond)
		b.told()
		a.set(func() { a.n = 40 })
		time.Sleep(time.Second)
		b.tells(t, "heard(40)")
		a.cut.Store(true)
		began := time.Now()
		for a.running1() {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took < time.Second || took > lease.TTL-500*time.Millisecond {
			t.Errorf("it stopped after %v", took)
		}
		for !b.running1() {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took < lease.TTL-1100*time.Millisecond || took > lease.TTL+time.Second {
			t.Errorf("the other went on after %v", took)
		}
		b.tells(t, "begin(40) changed")
		a.cut.Store(false)
		time.Sleep(time.Minute)
		a.told()
		if a.running1() || !b.running1() {
			t.Error("when it was back it changed again")
		}
		b.Close()
		a.tells(t, "heard(42) begin(42) changed")
	})
}

// Who hears nothing of an owner that lives looks before it claims.
func TestWhoIsDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		a, b := newServer(t, memory), newServer(t, memory)
		a.seek(t)
		a.told()
		b.seek(t)
		b.told()
		b.deaf.Store(true)
		for range 60 {
			time.Sleep(100 * time.Millisecond)
			if !a.running1() || b.running1() {
				t.Fatal("it took over from an owner that lives")
			}
		}
	})
}

// Whatever made another the owner, the one before stops at once.
func TestAHigherTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newServer(t, hub.NewMemory(nil))
		a.seek(t)
		a.tells(t, "begin() changed")
		for _, words := range []string{"x", `{"node":"other","term":0,"do":"claim"}`, `{"node":"other","term":1,"do":"renew"}`} {
			if _, err := a.hub.Publish(t.Context(), "lease:count", []byte(words), nil); err != nil {
				t.Fatal(err)
			}
			a.tells(t, "")
		}
		if _, err := a.hub.Publish(t.Context(), "lease:count", []byte(`{"node":"other","term":9,"do":"claim"}`), nil); err != nil {
			t.Fatal(err)
		}
		a.tells(t, "end")
		time.Sleep(lease.TTL + time.Second)
		if !a.running1() {
			t.Error("the other never renewed, and nobody took over")
		}
	})
}

func (s *server) running1() bool {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

func TestAnEngineThatIsAwayOrForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		a, b := newServer(t, memory), newServer(t, memory)
		a.seek(t)
		b.seek(t)
		time.Sleep(time.Minute)
		mend := memory.Cut()
		time.Sleep(time.Minute)
		if a.running1() || b.running1() {
			t.Error("one runs though the engine is away")
		}
		mend()
		time.Sleep(10 * time.Second)
		if a.running1() == b.running1() {
			t.Errorf("when it is back they run: %v, %v", a.running1(), b.running1())
		}
		memory.Forget()
		time.Sleep(20 * time.Second)
		if a.running1() == b.running1() {
			t.Errorf("when it has forgotten they run: %v, %v", a.running1(), b.running1())
		}
	})
}

func TestABeginThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newServer(t, hub.NewMemory(nil))
		a.refuse = errors.New("no")
		a.seek(t)
		a.tells(t, "begin()")
		if a.isSettled() {
			t.Error("it is settled")
		}
		time.Sleep(lease.TTL + time.Second)
		a.tells(t, "begin()")
		a.set(func() { a.refuse = nil })
		time.Sleep(lease.TTL + time.Second)
		a.tells(t, "begin() changed")
	})
}

// A hub that is closed first is no reason to hang.
func TestAClosedHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newServer(t, hub.NewMemory(nil))
		a.seek(t)
		synctest.Wait()
		a.hub.Close()
		time.Sleep(time.Minute)
		a.Close()
		if a.running1() {
			t.Error("it runs")
		}
		b := newServer(t, hub.NewMemory(nil))
		b.hub.Close()
		b.seek(t)
		b.Close()
		b.tells(t, "")
	})
}

func TestNobodyElseReadsIt(t *testing.T) {
	h := newServer(t, hub.NewMemory(nil)).hub
	for _, principal := range []string{"", "lease", "lease "} {
		client, err := h.Connect(nil, &hub.ClientOptions{Principal: principal})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		var denied *hub.DeniedError
		if _, err := client.Join(t.Context(), "lease:count", nil); !errors.As(err, &denied) {
			t.Errorf("%q may join: %v", principal, err)
		}
		if _, err := client.Publish(t.Context(), "lease:count", nil, nil); !errors.As(err, &denied) {
			t.Errorf("%q may publish: %v", principal, err)
		}
	}
}

// Whatever happens, never do two at a time; and when nothing happens any more, one
// does.
func TestNeverTwo(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 0))
			memory := hub.NewMemory(nil)
			all := make([]*server, 4)
			seeks := make([]bool, len(all))
			for i := range all {
				all[i] = newServer(t, memory)
			}
			never := func() (n int) {
				for _, s := range all {
					if s.running1() {
						n++
					}
				}
				if n > 1 {
					t.Fatalf("seed %d: %d at a time", seed, n)
				}
				return n
			}
			mend := func() {}
			for range 120 {
				i := chance.IntN(len(all))
				switch what := chance.IntN(20); {
				case what < 4 && !seeks[i]:
					all[i].seek(t)
					seeks[i] = true
				case what < 6 && seeks[i]:
					all[i].Close()
					seeks[i] = false
				case what < 9:
					all[i].cut.Store(true)
				case what < 13:
					all[i].cut.Store(false)
				case what == 13:
					mend = memory.Cut()
				case what < 16:
					mend()
				}
				for range 1 + chance.IntN(10) {
					time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond)
					never()
				}
			}
			mend()
			for i, s := range all {
				s.cut.Store(false)
				if !seeks[i] {
					s.seek(t)
				}
			}
			time.Sleep(20 * time.Second)
			if never() != 1 {
				t.Errorf("seed %d: nobody does it in the end", seed)
			}
		})
	}
}
