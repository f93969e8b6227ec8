package enginetest

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/wye-org/wye/hub"
)

// A node is a Receiver that writes down what it gets.
type node struct {
	*trial
	hub.Link
	name   string
	linked chan struct{} // closed when there is a Link, or will be none

	mu         sync.Mutex // guards what is below
	got        map[string][]*hub.Message
	away, back int
	asked      int
}

// node links another node to the engine.
func (tr *trial) node(name string) *node {
	n := &node{trial: tr, name: name, linked: make(chan struct{}), got: map[string][]*hub.Message{}}
	defer close(n.linked)
	link, err := tr.engine.Open(n, []hub.Namespace{live, logs, small, brief})
	if err != nil {
		tr.fatalf("Open: %v", err)
	}
	n.Link = link
	tr.cleanup = append(tr.cleanup, func() { link.Close() })
	return n
}

// Receive implements [hub.Receiver].
func (n *node) Receive(m *hub.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got[m.Channel] = append(n.got[m.Channel], m)
}

// Away implements [hub.Receiver].
func (n *node) Away(error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away++
}

// Back implements [hub.Receiver].
func (n *node) Back() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.back++
}

// heard is what n got from ch so far.
func (n *node) heard(ch hub.Channel) []*hub.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*hub.Message(nil), n.got[ch.Name]...)
}

func (n *node) subscribe(ch hub.Channel) {
	if err := n.Subscribe(n.t.Context(), ch); err != nil {
		n.fatalf("%s: Subscribe(%q): %v", n.name, ch.Name, err)
	}
}

// say publishes a text that has to be taken.
func (n *node) say(ch hub.Channel, text string) hub.Receipt { return n.sayOnce(ch, text, "") }

func (n *node) sayOnce(ch hub.Channel, text, key string) hub.Receipt {
	r, err := n.Publish(n.t.Context(), ch, &hub.Message{Channel: ch.Name, Data: []byte(text)}, key)
	if err != nil {
		n.fatalf("%s: Publish(%q, %q): %v", n.name, ch.Name, text, err)
	}
	return r
}

// count says the numbers from a to b-1.
func (n *node) count(ch hub.Channel, a, b int) (receipts []hub.Receipt) {
	for i := a; i < b; i++ {
		receipts = append(receipts, n.say(ch, strconv.Itoa(i)))
	}
	return receipts
}

func (n *node) read(ch hub.Channel, q hub.Query) hub.Page {
	page, err := n.Read(n.t.Context(), ch, q)
	if err != nil {
		n.fatalf("%s: Read(%q): %v", n.name, ch.Name, err)
	}
	return page
}

func (n *node) top(ch hub.Channel) hub.Position { return n.read(ch, hub.Query{}).Top }

// hears waits for texts, which have to be all that comes from ch, in that order.
func (n *node) hears(ch hub.Channel, want ...string) {
	n.await(n.name+" gets "+listed(want)+" of "+ch.Name, func() bool { return len(n.heard(ch)) >= len(want) })
	n.quiet()
	if got := texts(n.heard(ch)); listed(got) != listed(want) {
		n.errorf("%s got %q of %q, want %q", n.name, got, ch.Name, want)
	}
}

// finds reads, and wants these texts, complete or not.
func (n *node) finds(what string, ch hub.Channel, q hub.Query, complete bool, want ...string) {
	page := n.read(ch, q)
	if got := texts(page.Messages); listed(got) != listed(want) || page.Complete != complete {
		n.errorf("%s: %s read %q, complete %v; want %q, %v", what, n.name, got, page.Complete, want, complete)
	}
}

func (n *node) enter(ch hub.Channel, id string) {
	if err := n.Enter(n.t.Context(), ch, hub.Member{ID: id, Principal: "p-" + id, Info: []byte("i-" + id)}); err != nil {
		n.fatalf("%s: Enter(%q, %q): %v", n.name, ch.Name, id, err)
	}
}

func (n *node) exit(ch hub.Channel, id string) {
	if err := n.Exit(n.t.Context(), ch, id); err != nil {
		n.fatalf("%s: Exit(%q, %q): %v", n.name, ch.Name, id, err)
	}
}

func (n *node) unavailable(what string, err error) {
	if !errors.Is(err, hub.ErrUnavailable) {
		n.errorf("%s while the engine is away: %v, want ErrUnavailable", what, err)
	}
}

func (n *node) ctx() context.Context { return n.t.Context() }

func texts(messages []*hub.Message) []string {
	s := make([]string, len(messages))
	for i, m := range messages {
		s[i] = string(m.Data)
	}
	return s
}

// numbers are the texts from a to b-1.
func numbers(a, b int) (s []string) {
	for i := a; i < b; i++ {
		s = append(s, strconv.Itoa(i))
	}
	return s
}
