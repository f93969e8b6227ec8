package enginetest

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/wye-org/wye/hub"
)

// hub opens a hub on the engine.
func (tr *trial) hub() *hub.Hub {
	h, err := hub.New(hub.Options{
		Engine:        tr.engine,
		Namespaces:    []hub.Namespace{live, logs, small, brief},
		QueueMessages: 100,
		Logger:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tr.fatalf("hub.New: %v", err)
	}
	tr.cleanup = append(tr.cleanup, func() { h.Close() })
	return h
}

// A member takes what its hub sends, or nothing as long as it is stuck.
type member struct {
	client *hub.Client

	mu    sync.Mutex // guards what is below
	got   []*hub.Message
	stuck bool
	ended error
}

func (tr *trial) member(h *hub.Hub, channel string, since *hub.Position) (*member, *hub.Welcome) {
	m := new(member)
	var err error
	if m.client, err = h.Connect(m, nil); err != nil {
		tr.fatalf("Connect: %v", err)
	}
	w, err := m.client.Join(tr.t.Context(), channel, &hub.JoinOptions{Since: since})
	if err != nil {
		tr.fatalf("Join(%q): %v", channel, err)
	}
	return m, w
}

// TrySend implements [hub.Outlet].
func (m *member) TrySend(batch []*hub.Message) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stuck {
		return 0, nil
	}
	m.got = append(m.got, batch...)
	return len(batch), nil
}

// Send implements [hub.Outlet].
func (m *member) Send(ctx context.Context, batch []*hub.Message) (int, error) {
	if n, err := m.TrySend(batch); n > 0 || err != nil {
		return n, err
	}
	<-ctx.Done() // it stays stuck
	return 0, ctx.Err()
}

// Close implements [hub.Outlet].
func (m *member) Close(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = why
}

func (m *member) texts() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return texts(m.got)
}

func (m *member) end() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended
}

// slow has one member who takes nothing, on another node than the publisher.
func slow(tr *trial) {
	a, b := tr.hub(), tr.hub()
	channel := in(&logs, "x").Name
	stuck, _ := tr.member(b, channel, nil)
	stuck.stuck = true
	good, _ := tr.member(b, channel, nil)
	local, _ := tr.member(a, channel, nil)
	const messages = 300
	began := time.Now()
	for i := range messages {
		if _, err := a.Publish(tr.t.Context(), channel, []byte(strconv.Itoa(i)), nil); err != nil {
			tr.fatalf("Publish: %v", err)
		}
		if i%50 == 49 { // nobody is too slow for fifty at once
			tr.await("fifty more", func() bool { return len(good.texts()) > i && len(local.texts()) > i })
		}
	}
	if took := time.Since(began); took > tr.patience() {
		tr.errorf("%d publications took %v", messages, took)
	}
	for name, m := range map[string]*member{"a member of the same node": good, "one of the other": local} {
		if got := m.texts(); listed(got) != listed(numbers(0, messages)) {
			tr.errorf("%s got %d messages, not the %d in order", name, len(got), messages)
		}
	}
	tr.await("the end of the slow member", func() bool { return stuck.end() == hub.ErrSlow })
	if got := stuck.texts(); len(got) > 0 {
		tr.errorf("the slow member took %q", got)
	}
}

// whole has members come back all the time while others publish: each one's
// story has to be the whole one.
func whole(tr *trial) {
	a, b := tr.hub(), tr.hub()
	channel := in(&logs, "x").Name
	const messages = 300
	_, first := tr.member(b, channel, nil)
	done := make(chan struct{})
	tr.cleanup = append(tr.cleanup, func() { <-done })
	go func() { // ends when all is published; waited for at the end
		defer close(done)
		for i := range messages {
			if _, err := a.Publish(tr.t.Context(), channel, []byte(strconv.Itoa(i)), nil); err != nil {
				tr.errorf("Publish: %v", err)
			}
		}
	}()
	var story []string
	position := first.Position
	for visit := 0; len(story) < messages; visit++ {
		if visit > 100*messages {
			tr.fatalf("after %d visits %d of %d messages are known", visit, len(story), messages)
		}
		m, w := tr.member([]*hub.Hub{a, b}[visit%2], channel, &position)
		if !w.Recovered {
			tr.fatalf("visit %d: not recovered since %+v; the history has %+v", visit, position, w.Position)
		}
		if visit%3 == 0 {
			tr.await("something more, or an end for being too slow", func() bool { return len(m.texts()) > 0 || m.end() != nil })
		}
		m.client.Close()
		m.mu.Lock()
		for _, x := range m.got {
			story = append(story, string(x.Data))
			position = x.Position
		}
		m.mu.Unlock()
	}
	<-done
	if listed(story) != listed(numbers(0, messages)) {
		tr.errorf("the story is not the whole one: %s", fmt.Sprint(story))
	}
}
