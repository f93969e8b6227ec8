package hub_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

func texts(messages []*hub.Message) string {
	var s []string
	for _, m := range messages {
		s = append(s, string(m.Data))
	}
	return strings.Join(s, " ")
}

func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		keeper := connect(t, h, "keeper", nil)
		begin := keeper.joins("log:x", nil).Position
		first := count(t, h, "log:x", 0, 8).Position
		for _, x := range []struct {
			what      string
			opts      hub.JoinOptions
			recovered bool
			want      string
		}{
			{"nothing asked for", hub.JoinOptions{}, false, ""},
			{"the last three", hub.JoinOptions{Last: 3}, false, "5 6 7"},
			{"all", hub.JoinOptions{Last: -1}, false, numbers(0, 8)},
			{"since the beginning", hub.JoinOptions{Since: &begin}, true, numbers(0, 8)},
			{"since the beginning, Last does not matter", hub.JoinOptions{Since: &begin, Last: 1}, true, numbers(0, 8)},
			{"since the last", hub.JoinOptions{Since: &first}, true, ""},
			{"since another life", hub.JoinOptions{Since: &hub.Position{Epoch: "x", Offset: 3}, Last: 2}, false, "6 7"},
			{"since nowhere", hub.JoinOptions{Since: new(hub.Position)}, false, ""},
		} {
			g := connect(t, h, x.what, nil)
			w := g.joins("log:x", &x.opts)
			if w.Recovered != x.recovered || texts(w.Messages) != x.want || w.Position != first || w.Channel != "log:x" {
				t.Errorf("%s: welcomed with %+v and %q, want recovered %v, %q", x.what, w, texts(w.Messages), x.recovered, x.want)
			}
			g.hears(x.want)
			g.Client.Close()
		}
		// More than is kept comes in while somebody is away.
		count(t, h, "log:x", 8, 30)
		back := connect(t, h, "back", nil)
		if w := back.joins("log:x", &hub.JoinOptions{Since: &first, Last: 2}); w.Recovered {
			t.Error("22 messages were missed, of which 10 are kept: recovered")
		}
		back.hears("28 29")
		keeper.hears(numbers(0, 30))
		page, err := h.History(t.Context(), "log:x", hub.Query{Limit: 2})
		if err != nil || texts(page.Messages) != "20 21" {
			t.Errorf("History: %q, %v", texts(page.Messages), err)
		}
	})
}

// What the member is told first is told first, whatever is published meanwhile;
// and nothing of it is told twice.
func TestGreeting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces(), QueueMessages: 3})
		for _, channel := range []string{"log:x", "live:x"} {
			say(t, h, channel, "before")
			g := connect(t, h, "", nil)
			calls := 0
			g.joins(channel, &hub.JoinOptions{Last: 1, Greet: func(w *hub.Welcome) []*hub.Message {
				calls++
				say(t, h, channel, "meanwhile")
				synctest.Wait()
				if len(g.messages()) > 0 {
					t.Errorf("before the greeting came %q", texts(g.messages()))
				}
				hello := []*hub.Message{{Data: []byte("hello")}, {Data: []byte("how")}, {Data: []byte("are")}, {Data: []byte("you")}}
				return append(hello, w.Messages...)
			}})
			say(t, h, channel, "after")
			want := "hello how are you before meanwhile after"
			if channel == "live:x" {
				want = "hello how are you meanwhile after"
			}
			if g.hears(want); calls != 1 {
				t.Errorf("Greet was called %d times", calls)
			}
		}
	})
}

// What is published between a member's taking a seat and its reading the history
// is in both, and is told once.
func TestNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		connect(t, h, "keeper", nil).joins("log:x", nil)
		say(t, h, "log:x", "1")
		g := connect(t, h, "g", nil)
		engine.set(func() {
			engine.reads = func() { say(t, h, "log:x", "2") }
		})
		g.joins("log:x", &hub.JoinOptions{Last: -1})
		say(t, h, "log:x", "3")
		g.hears("1 2 3")
		g.Client.Close()
		// More of it than the queue holds, once: then the history is read again.
		g = connect(t, h, "small", &hub.ClientOptions{QueueMessages: 2})
		engine.set(func() {
			engine.reads = func() { say(t, h, "log:x", "4", "5", "6") }
		})
		g.joins("log:x", &hub.JoinOptions{Last: -1})
		g.hears("1 2 3 4 5 6")
		g.Client.Close()
		// And more bytes.
		g = connect(t, h, "short", &hub.ClientOptions{QueueBytes: 10})
		engine.set(func() {
			engine.reads = func() { say(t, h, "log:x", "1234567", "89012") }
		})
		g.joins("log:x", &hub.JoinOptions{Last: 2})
		g.hears("1234567 89012")
		g.Client.Close()
		// It never ends.
		g = connect(t, h, "never", &hub.ClientOptions{QueueMessages: 2})
		var again func()
		again = func() {
			say(t, h, "log:x", "a", "b", "c")
			engine.set(func() { engine.reads = again })
		}
		engine.set(func() { engine.reads = again })
		_, err := g.Join(t.Context(), "log:x", nil)
		engine.set(func() { engine.reads = nil })
		wantErr(t, "joining a channel that is too fast", err, hub.ErrSlow)
		g = connect(t, h, "never, by bytes", &hub.ClientOptions{QueueBytes: 2})
		engine.set(func() { engine.reads = again })
		_, err = g.Join(t.Context(), "log:x", nil)
		engine.set(func() { engine.reads = nil })
		wantErr(t, "joining a channel that is too fast", err, hub.ErrSlow)
		// And while it is greeted.
		_, err = g.Join(t.Context(), "log:x", &hub.JoinOptions{Greet: func(*hub.Welcome) []*hub.Message {
			say(t, h, "log:x", "a", "b", "c")
			return nil
		}})
		wantErr(t, "joining a channel that is too fast for its greeting", err, hub.ErrSlow)
		if s := h.Stats(); s.Members != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Greetings are not counted by the bounds, and no policy tears holes into them.
func TestGreetingOfASlowMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces(), QueueMessages: 2})
		g := connect(t, h, "slow", nil)
		g.takes(0)
		greet := &hub.JoinOptions{Greet: func(*hub.Welcome) []*hub.Message {
			return []*hub.Message{{Data: []byte("1"), Key: "k"}, {Data: []byte("2")}, {Data: []byte("3")}}
		}}
		g.joins("oldest:x", greet)
		say(t, h, "oldest:x", "a", "b", "c")
		g.takes(-1)
		g.hears("1 2 3 b c")
		g.takes(0)
		g.joins("price:x", greet)
		synctest.Wait()
		h.Publish(t.Context(), "price:x", []byte("a"), &hub.PublishOptions{Key: "k"})
		g.takes(-1)
		g.hears("1 2 3 a")
	})
}

func TestJoinFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		g := connect(t, h, "g", nil)
		boom := errors.New("boom")
		for _, what := range []string{"subscribe", "read", "enter", "members"} {
			engine.set(func() { engine.fail, engine.err = what, boom })
			for _, channel := range []string{"log:x", "who:x"} {
				_, err := g.Join(t.Context(), channel, nil)
				if touched := what == "subscribe" || (what == "read") == (channel == "log:x"); touched {
					wantErr(t, channel+" when "+what+" fails", err, boom)
				} else if err != nil {
					t.Errorf("%s when %s fails: %v", channel, what, err)
				} else {
					g.Leave(t.Context(), channel)
				}
			}
			engine.set(func() { engine.fail = "" })
			if logs, _ := engine.Size(); logs != 0 {
				t.Errorf("after failures of %s %d logs are kept", what, logs)
			}
			if s := h.Stats(); s.Channels != 0 || s.Members != 0 {
				t.Fatalf("after failures of %s there is %+v", what, s)
			}
			for _, channel := range []string{"log:x", "who:x"} {
				g.joins(channel, nil)
				g.Leave(t.Context(), channel)
			}
			if members, err := h.Members(t.Context(), "who:x"); err != nil || len(members) > 0 {
				t.Errorf("nobody is there, and listed are %+v, %v", members, err)
			}
		}
		if logs, _ := engine.Size(); logs != 0 {
			t.Errorf("nobody is there and nothing was said, and %d logs are kept", logs)
		}
		// Who waits for a channel that another opens gives up with a context of
		// their own.
		gate := make(chan struct{})
		engine.set(func() { engine.gate = gate })
		opened := make(chan error, 1)
		go func() { // ends with the gate; received below
			_, err := g.Join(context.WithoutCancel(t.Context()), "log:y", nil)
			opened <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		other := connect(t, h, "other", nil)
		_, err := other.Join(ctx, "log:y", nil)
		wantErr(t, "waiting for another who opens the channel", err, context.DeadlineExceeded)
		close(gate)
		if err := <-opened; err != nil {
			t.Error(err)
		}
		engine.set(func() { engine.gate = nil })
		other.joins("log:y", nil)
		say(t, h, "log:y", "1")
		g.hears("1")
		other.hears("1")
		g.Client.Close()
		other.Client.Close()
		if s := h.Stats(); s.Channels != 0 || s.Members != 0 {
			t.Errorf("everybody has left, and there is %+v", s)
		}
	})
}

// Leaving while joining is leaving.
func TestLeaveWhileJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Namespaces: spaces()})
		for _, how := range []string{"Leave", "Close"} {
			g := connect(t, h, how, nil)
			_, err := g.Join(t.Context(), "who:x", &hub.JoinOptions{Greet: func(*hub.Welcome) []*hub.Message {
				if how == "Leave" {
					g.Leave(t.Context(), "who:x")
				} else {
					g.Client.Close()
				}
				return []*hub.Message{{Data: []byte("hello")}}
			}})
			if err == nil {
				t.Errorf("%s while joining: joined all the same", how)
			}
			g.hears("")
			if s := h.Stats(); s.Members != 0 || s.Channels != 0 {
				t.Errorf("%s while joining: %+v", how, s)
			}
			if members, _ := h.Members(t.Context(), "who:x"); len(members) != 0 {
				t.Errorf("%s while joining: listed are %+v", how, members)
			}
		}
	})
}

// lossy is an engine between whose storage and whose nodes messages get lost.
type lossy struct {
	*hub.Memory

	mu   sync.Mutex // guards what is below
	lose func(m *hub.Message) bool
	fail string // the call that fails
	err  error  // with what
	gate chan struct{}

	leaving chan struct{} // Unsubscribe waits for it
	r       hub.Receiver  // of the last that was opened

	reads, hasRead func() // called once, before and after something is read
}

func (e *lossy) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

func (e *lossy) failure(of string) error {
	e.mu.Lock()
	gate := e.gate
	var err error
	if e.fail == of {
		err = e.err
	}
	e.mu.Unlock()
	if gate != nil && of == "subscribe" {
		<-gate
	}
	return err
}

// Open implements [hub.Engine].
func (e *lossy) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	e.r = r
	link, err := e.Memory.Open(lossyReceiver{r, e}, ns)
	return &lossyLink{link, e}, err
}

type lossyReceiver struct {
	hub.Receiver
	e *lossy
}

func (r lossyReceiver) Receive(m *hub.Message) {
	r.e.mu.Lock()
	lost := r.e.lose != nil && r.e.lose(m)
	r.e.mu.Unlock()
	if !lost {
		r.Receiver.Receive(m)
	}
}

type lossyLink struct {
	hub.Link
	e *lossy
}

func (l *lossyLink) Subscribe(ctx context.Context, ch hub.Channel) error {
	if err := l.e.failure("subscribe"); err != nil {
		return err
	}
	return l.Link.Subscribe(ctx, ch)
}

func (l *lossyLink) Unsubscribe(ch hub.Channel) {
	var gate chan struct{}
	l.e.set(func() { gate = l.e.leaving })
	if gate != nil {
		<-gate
	}
	l.Link.Unsubscribe(ch)
}

func (l *lossyLink) Read(ctx context.Context, ch hub.Channel, q hub.Query) (hub.Page, error) {
	if err := l.e.failure("read"); err != nil {
		return hub.Page{}, err
	}
	var reads, hasRead func()
	l.e.set(func() { reads, l.e.reads = l.e.reads, nil })
	if reads != nil {
		reads()
	}
	page, err := l.Link.Read(ctx, ch, q)
	l.e.set(func() { hasRead, l.e.hasRead = l.e.hasRead, nil })
	if hasRead != nil {
		hasRead()
	}
	return page, err
}

func (l *lossyLink) Enter(ctx context.Context, ch hub.Channel, m hub.Member) error {
	if err := l.e.failure("enter"); err != nil {
		return err
	}
	return l.Link.Enter(ctx, ch, m)
}

func (l *lossyLink) Exit(ctx context.Context, ch hub.Channel, id string) error {
	if err := l.e.failure("exit"); err != nil {
		return err
	}
	return l.Link.Exit(ctx, ch, id)
}

func (l *lossyLink) Members(ctx context.Context, ch hub.Channel) ([]hub.Member, error) {
	if err := l.e.failure("members"); err != nil {
		return nil, err
	}
	return l.Link.Members(ctx, ch)
}

// What a member was given on joining is not given again when it comes in late.
func TestLateMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		first := connect(t, h, "first", nil)
		first.joins("log:x", nil)
		var late []*hub.Message
		engine.set(func() { engine.lose = func(m *hub.Message) bool { late = append(late, m); return true } })
		count(t, h, "log:x", 0, 3)
		second := connect(t, h, "second", nil)
		second.joins("log:x", &hub.JoinOptions{Last: -1})
		second.hears("0 1 2")
		engine.set(func() { engine.lose = nil })
		for _, m := range late {
			engine.r.Receive(m)
		}
		count(t, h, "log:x", 3, 5)
		first.hears("0 1 2 3 4")
		second.hears("3 4")
		if s := h.Stats(); s.Mended != 0 {
			t.Errorf("the hub counts %+v", s)
		}
	})
}

// A gap in what comes from the engine is filled from the history before anything
// that follows it; members notice nothing.
func TestAGapIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine, CheckEvery: time.Second})
		g := connect(t, h, "g", nil)
		g.joins("log:x", nil)
		n := 0
		engine.lose = func(*hub.Message) bool { n++; return n%3 == 2 }
		for i := range 5 {
			count(t, h, "log:x", 5*i, 5*i+5)
			synctest.Wait()
		}
		g.hears(numbers(0, 25))
		if s := h.Stats(); s.Mended == 0 || s.Lost != 0 {
			t.Errorf("the hub counts %+v", s)
		}
		// The last message is lost, and nothing follows it.
		engine.set(func() { engine.lose = func(*hub.Message) bool { return true } })
		count(t, h, "log:x", 25, 28)
		g.hears("")
		time.Sleep(1100 * time.Millisecond)
		g.hears("25 26 27")
		// A read that fails is tried again.
		engine.set(func() { engine.fail, engine.err = "read", hub.ErrUnavailable })
		count(t, h, "log:x", 28, 30)
		engine.set(func() { engine.lose = nil })
		count(t, h, "log:x", 30, 31)
		g.hears("")
		engine.set(func() { engine.fail = "" })
		time.Sleep(3 * time.Second)
		g.hears("28 29 30")
		if g.end() != nil {
			t.Errorf("the member was ended with %v", g.end())
		}
	})
}

// A gap that cannot be filled ends the members: they learn it on joining again.
// Nobody else is concerned.
func TestAGapThatCannotBeMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		g, other := connect(t, h, "g", nil), connect(t, h, "other", nil)
		g.joins("log:x", nil)
		other.joins("log:y", nil)
		engine.set(func() { engine.lose = func(m *hub.Message) bool { return m.Channel == "log:x" } })
		count(t, h, "log:x", 0, 20) // of which the history keeps 10
		engine.set(func() { engine.lose = nil })
		count(t, h, "log:x", 20, 21)
		g.hears("")
		wantErr(t, "the member", g.end(), hub.ErrLost)
		count(t, h, "log:y", 0, 3)
		other.hears("0 1 2")
		if s := h.Stats(); s.Lost != 1 || s.Members != 1 || s.Disconnected != 0 {
			t.Errorf("the hub counts %+v", s)
		}
	})
}

// The same when the engine has lost everything: messages of another history are
// never taken for the next ones.
func TestLostHistory(t *testing.T) {
	for _, silent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			engine := hub.NewMemory(nil)
			h := open(t, hub.Options{Namespaces: spaces(), Engine: engine})
			g := connect(t, h, "g", nil)
			g.joins("log:x", nil)
			last := count(t, h, "log:x", 0, 3).Position
			g.hears("0 1 2")
			engine.Forget()
			if silent {
				time.Sleep(time.Minute) // until the positions are compared
			} else {
				count(t, h, "log:x", 10, 12)
			}
			g.hears("")
			wantErr(t, "the member", g.end(), hub.ErrLost)
			back := connect(t, h, "back", nil)
			if w := back.joins("log:x", &hub.JoinOptions{Since: &last, Last: -1}); w.Recovered || silent != (len(w.Messages) == 0) {
				t.Errorf("welcomed with %q, recovered %v", texts(w.Messages), w.Recovered)
			}
		})
	}
}

// That nothing was in the lost history makes no difference.
func TestLostEmptyHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := hub.NewMemory(nil)
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		g := connect(t, h, "g", nil)
		g.joins("log:x", nil)
		engine.Forget()
		say(t, h, "log:x", "1")
		g.hears("")
		wantErr(t, "the member", g.end(), hub.ErrLost)
	})
}

// More comes in while a gap is being mended than is kept for then: it is read,
// too. And there may be another gap in it.
func TestMuchComesWhileMending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Engine: engine, QueueMessages: 5000, Namespaces: []hub.Namespace{
			{Name: "big", History: hub.History{Size: 5000, TTL: time.Hour}, MaySubscribe: hub.Anyone},
		}})
		g := connect(t, h, "g", nil)
		g.joins("big:x", nil)
		n := 0
		lose := func(which func(n int) bool) {
			engine.lose = func(*hub.Message) bool { n++; return which(n - 1) }
		}
		engine.set(func() {
			lose(func(n int) bool { return n == 1 || n == 2007 })
			engine.hasRead = func() {
				count(t, h, "big:x", 3, 2000)
				engine.set(func() {
					engine.hasRead = func() { count(t, h, "big:x", 2000, 2010) }
				})
			}
		})
		count(t, h, "big:x", 0, 3)
		g.hears(numbers(0, 2010))
	})
}

// Who could not be told to have left is, later; unless they are back.
func TestDepartures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &lossy{Memory: hub.NewMemory(nil)}
		h := open(t, hub.Options{Namespaces: spaces(), Engine: engine, CheckEvery: time.Second})
		ada, bob := connect(t, h, "ada", nil), connect(t, h, "bob", nil)
		ada.joins("who:x", nil)
		bob.joins("who:x", nil)
		engine.set(func() { engine.fail, engine.err = "exit", hub.ErrUnavailable })
		ada.Leave(t.Context(), "who:x")
		bob.Leave(t.Context(), "who:x")
		ada.joins("who:x", nil)
		time.Sleep(5 * time.Second)
		engine.set(func() { engine.fail = "" })
		time.Sleep(2 * time.Second)
		if members, _ := h.Members(t.Context(), "who:x"); len(members) != 1 || members[0].ID != "ada" {
			t.Errorf("listed are %+v", members)
		}
	})
}

// While the engine is away members stay, publishing fails at once, and what they
// missed is given to them when it is back.
func TestEngineAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := hub.NewMemory(nil)
		h, elsewhere := open(t, hub.Options{Namespaces: spaces(), Engine: engine}), open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		g, there := connect(t, h, "g", nil), connect(t, h, "there", nil)
		g.joins("log:x", nil)
		g.joins("who:x", nil)
		there.joins("who:x", nil)
		g.said()
		mend := engine.Cut()
		_, err := h.Publish(t.Context(), "log:x", []byte("1"), &hub.PublishOptions{IdempotencyKey: "k"})
		wantErr(t, "Publish", err, hub.ErrUnavailable)
		_, err = g.Join(t.Context(), "log:y", nil)
		wantErr(t, "Join", err, hub.ErrUnavailable)
		there.Client.Close() // cannot be told to the engine now
		time.Sleep(time.Minute)
		if g.end() != nil {
			t.Errorf("the member was ended with %v", g.end())
		}
		mend()
		synctest.Wait()
		if members, _ := elsewhere.Members(t.Context(), "who:x"); len(members) != 1 || members[0].ID != "g" {
			t.Errorf("after the engine is back %+v are listed", members)
		}
		for range 2 {
			if _, err := h.Publish(t.Context(), "log:x", []byte("1"), &hub.PublishOptions{IdempotencyKey: "k"}); err != nil {
				t.Error(err)
			}
		}
		g.hears("1")
	})
}

// Two hubs on one engine: who is on one hears who is on the other.
func TestTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := hub.NewMemory(nil)
		a, b := open(t, hub.Options{Namespaces: spaces(), Engine: engine}), open(t, hub.Options{Namespaces: spaces(), Engine: engine})
		ada, bob := connect(t, a, "ada", nil), connect(t, b, "bob", nil)
		ada.joins("who:x", nil)
		if w := bob.joins("who:x", nil); len(w.Members) != 2 {
			t.Errorf("Bob is welcomed with %+v", w.Members)
		}
		bob.Publish(t.Context(), "who:x", []byte("hi"), &hub.PublishOptions{Others: true})
		ada.hears("+bob hi")
		bob.hears("")
		b.Close()
		ada.hears("-bob")
		if members, _ := a.Members(t.Context(), "who:x"); len(members) != 1 {
			t.Errorf("after the other node has closed %+v are listed", members)
		}
	})
}

// Forms are made once for each key.
func TestForms(t *testing.T) {
	m := &hub.Message{Data: []byte("x")}
	var mu sync.Mutex
	made := map[string]int{}
	form := func(key string) any {
		return m.Form(key, func(m *hub.Message) any {
			mu.Lock()
			defer mu.Unlock()
			made[key]++
			return key + string(m.Data)
		})
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if key := string(rune('a' + i%3)); form(key) != key+"x" {
				t.Errorf("the form of %q is %v", key, form(key))
			}
		})
	}
	wg.Wait()
	if len(made) != 3 || slices.Max([]int{made["a"], made["b"], made["c"]}) != 1 {
		t.Errorf("forms were made %v times", made)
	}
}

// hasty is an engine on which a message comes before Subscribe has returned.
type hasty struct{ *hub.Memory }

type hastyLink struct{ hub.Link }

// Open implements [hub.Engine].
func (e hasty) Open(r hub.Receiver, namespaces []hub.Namespace) (hub.Link, error) {
	k, err := e.Memory.Open(r, namespaces)
	return hastyLink{k}, err
}

// Subscribe implements [hub.Link].
func (k hastyLink) Subscribe(ctx context.Context, ch hub.Channel) error {
	if err := k.Link.Subscribe(ctx, ch); err != nil {
		return err
	}
	_, err := k.Publish(ctx, ch, &hub.Message{Channel: ch.Name, Data: []byte("early")}, "")
	return err
}

// Read implements [hub.Link]; to say what was missed takes it a while.
func (k hastyLink) Read(ctx context.Context, ch hub.Channel, q hub.Query) (hub.Page, error) {
	page, err := k.Link.Read(ctx, ch, q)
	if q.Since != nil {
		time.Sleep(time.Second)
	}
	return page, err
}

// What comes while the room is being opened is no gap: nobody is ended for it.
func TestAMessageBeforeThePositionIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, hub.Options{Engine: hasty{hub.NewMemory(nil)}, Namespaces: spaces()})
		for range 20 {
			g := connect(t, h, "g", nil)
			g.joins("log:x", nil)
			say(t, h, "log:x", "later")
			time.Sleep(time.Minute)
			g.hears("later")
			if err := g.Err(); err != nil {
				t.Fatal(err)
			}
			g.Client.Close()
		}
	})
}
