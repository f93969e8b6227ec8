package enginetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wye-org/wye/hub"
)

// A fault is one mistake that an engine may have. What it does not set is done
// right, by the engine in memory.
type fault struct {
	why   string
	fails string // the ids of the checks that have to fail
	may   string // of those that it depends on the scheduler whether they do; no other may

	receive     func(*brokenLink, *hub.Message)
	subscribe   func(*brokenLink, hub.Channel) error
	unsubscribe func(*brokenLink, hub.Channel)
	publish     func(*brokenLink, hub.Channel, *hub.Message, string) (hub.Receipt, error)
	read        func(*brokenLink, hub.Channel, hub.Query) (hub.Page, error)
	enter, exit func(*brokenLink, hub.Channel, hub.Member) error
	members     func(*brokenLink, hub.Channel) ([]hub.Member, error)
	ask         func(*brokenLink, []byte) ([][]byte, int, error)
	answer      func(*brokenLink, []byte) []byte
	close       func(*brokenLink) error
	away, back  func(*brokenLink)
	forget      func(*hub.Memory)
}

// broken is an engine with a fault.
type broken struct {
	*hub.Memory
	fault *fault

	mu    sync.Mutex
	links []*brokenLink
	kept  map[string][]*hub.Message // of use to some faults
	seen  atomic.Int64
	tasks sync.WaitGroup // of faults
}

// brokenLink is a link, and a receiver, with a fault.
type brokenLink struct {
	hub.Link
	hub.Receiver
	e     *broken
	n     int // the how manieth
	count atomic.Int64
	mu    sync.Mutex
	held  *hub.Message
	in    map[string]bool
}

func (e *broken) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	e.mu.Lock()
	b := &brokenLink{Receiver: r, e: e, n: len(e.links), in: map[string]bool{}}
	e.links = append(e.links, b)
	e.mu.Unlock()
	var err error
	b.Link, err = e.Memory.Open(brokenReceiver{b}, ns)
	return b, err
}

type brokenReceiver struct{ b *brokenLink }

func (r brokenReceiver) Receive(m *hub.Message) {
	if f := r.b.e.fault.receive; f != nil {
		f(r.b, m)
		return
	}
	r.b.Receiver.Receive(m)
}

func (r brokenReceiver) Away(err error) {
	if f := r.b.e.fault.away; f != nil {
		f(r.b)
		return
	}
	r.b.Receiver.Away(err)
}

func (r brokenReceiver) Back() {
	if f := r.b.e.fault.back; f != nil {
		f(r.b)
		return
	}
	r.b.Receiver.Back()
}

func (r brokenReceiver) Answer(question []byte) []byte {
	if f := r.b.e.fault.answer; f != nil {
		return f(r.b, question)
	}
	return r.b.Receiver.(hub.Answerer).Answer(question)
}

func (b *brokenLink) Subscribe(ctx context.Context, ch hub.Channel) error {
	if f := b.e.fault.subscribe; f != nil {
		return f(b, ch)
	}
	return b.Link.Subscribe(ctx, ch)
}

func (b *brokenLink) Unsubscribe(ch hub.Channel) {
	if f := b.e.fault.unsubscribe; f != nil {
		f(b, ch)
		return
	}
	b.Link.Unsubscribe(ch)
}

func (b *brokenLink) Publish(ctx context.Context, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
	if f := b.e.fault.publish; f != nil {
		return f(b, ch, m, key)
	}
	return b.Link.Publish(ctx, ch, m, key)
}

func (b *brokenLink) Read(ctx context.Context, ch hub.Channel, q hub.Query) (hub.Page, error) {
	if f := b.e.fault.read; f != nil {
		return f(b, ch, q)
	}
	return b.Link.Read(ctx, ch, q)
}

func (b *brokenLink) Enter(ctx context.Context, ch hub.Channel, m hub.Member) error {
	if f := b.e.fault.enter; f != nil {
		return f(b, ch, m)
	}
	return b.Link.Enter(ctx, ch, m)
}

func (b *brokenLink) Exit(ctx context.Context, ch hub.Channel, id string) error {
	if f := b.e.fault.exit; f != nil {
		return f(b, ch, hub.Member{ID: id})
	}
	return b.Link.Exit(ctx, ch, id)
}

func (b *brokenLink) Members(ctx context.Context, ch hub.Channel) ([]hub.Member, error) {
	if f := b.e.fault.members; f != nil {
		return f(b, ch)
	}
	return b.Link.Members(ctx, ch)
}

func (b *brokenLink) Ask(ctx context.Context, question []byte) ([][]byte, int, error) {
	if f := b.e.fault.ask; f != nil {
		return f(b, question)
	}
	return b.Link.(hub.Asker).Ask(ctx, question)
}

func (b *brokenLink) Close() error {
	if f := b.e.fault.close; f != nil {
		return f(b)
	}
	b.e.tasks.Wait()
	return b.Link.Close()
}

// subject is the engine in memory with a fault.
func (f *fault) subject() Subject {
	return Subject{
		New: func(testing.TB) hub.Engine {
			return &broken{Memory: hub.NewMemory(nil), fault: f, kept: map[string][]*hub.Message{}}
		},
		Kill: func(l hub.Link) { l.(*brokenLink).Link.(interface{ Kill() }).Kill() },
		Cut:  func(e hub.Engine) func() { return e.(*broken).Cut() },
		Forget: func(e hub.Engine) {
			if f.forget != nil {
				f.forget(e.(*broken).Memory)
			} else {
				e.(*broken).Forget()
			}
		},
		Bubble:        true,
		Interleavings: 500,
	}
}

// Each fault makes exactly the checks fail that it is held to, and each check is
// seen to fail.
func TestFaults(t *testing.T) {
	seen := map[string]bool{}
	for i := range faults {
		f := &faults[i]
		t.Run(f.why, func(t *testing.T) {
			var failed []string
			for _, c := range checks {
				failures, skipped := c.try(t, f.subject())
				if skipped != "" {
					t.Errorf("%s was skipped: %s", c.id, skipped)
				}
				if len(failures) > 0 {
					seen[c.id] = true
					if slices.Contains(strings.Fields(f.may), c.id) {
						continue
					}
					failed = append(failed, c.id)
					t.Logf("%s: %s", c.id, failures[0])
				}
			}
			if got := strings.Join(failed, " "); got != f.fails {
				t.Errorf("fails: %q,", got)
			}
		})
	}
	for _, c := range checks {
		if !seen[c.id] {
			t.Errorf("%s fails with no fault", c.id)
		}
	}
}
