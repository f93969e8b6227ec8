package hubws_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// loopMembers serves connections on event loops that join channel when they open,
// and leave when they end. joined gets each, with its client.
type loopMembers struct {
	hub     *hub.Hub
	channel string
	url     string
	joined  chan loopMember
	left    chan struct{}
	clients sync.Map // of *websocket.Conn
}

type loopMember struct {
	conn   *websocket.Conn
	client *hub.Client
}

func serveLoop(t *testing.T, h *hub.Hub, channel string, l *websocket.Loop) *loopMembers {
	m := &loopMembers{hub: h, channel: channel, joined: make(chan loopMember, 1000), left: make(chan struct{}, 1000)}
	l.DropRequest = true
	l.Open = func(c *websocket.Conn) {
		client, err := h.Connect(hubws.Outlet(c, nil), nil)
		if err == nil {
			m.clients.Store(c, client)
			_, err = client.Join(context.Background(), channel, nil)
		}
		if err != nil {
			t.Error(err)
		}
		m.joined <- loopMember{c, client}
	}
	l.Closed = func(c *websocket.Conn) {
		client, _ := m.clients.LoadAndDelete(c)
		client.(*hub.Client).Close()
		m.left <- struct{}{}
	}
	srv := httptest.NewServer(websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: websocket.Options{PingInterval: -1, WriteTimeout: -1, CloseTimeout: 5 * time.Minute}}))
	t.Cleanup(srv.Close)
	m.url = srv.URL
	return m
}

func (m *loopMembers) dial(t *testing.T) (*websocket.Conn, loopMember) {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), m.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c, <-m.joined
}

// eventually waits until cond holds, before a test that hangs says so.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	for range 3000 {
		if cond() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it never is so")
}

// Members on event loops get everything in order, and have no goroutine when they
// have it.
func TestLoopMembers(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		h := newHub(t, hub.Options{})
		m := serveLoop(t, h, "end:x", &websocket.Loop{Blocking: blocking})
		const members, n = 60, 500
		before := runtime.NumGoroutine()
		var peers []*websocket.Conn
		for range members {
			c, _ := m.dial(t)
			peers = append(peers, c)
		}
		for i := range n {
			if _, err := h.Publish(t.Context(), "end:x", fmt.Appendf(nil, "%d", i), nil); err != nil {
				t.Fatal(err)
			}
		}
		for who, c := range peers {
			for i := range n {
				if _, p, err := c.Read(t.Context()); err != nil || string(p) != fmt.Sprint(i) {
					t.Fatalf("member %d got %q, %v, want %d", who, p, err, i)
				}
			}
		}
		// The test's own ends read ahead for a moment; the members' are the rest.
		eventually(t, func() bool { return runtime.NumGoroutine() <= before+members/2 })
		for _, c := range peers {
			c.CloseNow()
		}
		for range peers {
			<-m.left
		}
		eventually(t, func() bool { s := h.Stats(); return s.Offered == s.Delivered+s.Abandoned }) // abandoned: who left, after
		if s := h.Stats(); s.Members != 0 || s.Delivered < members*n || s.Disconnected > 0 {
			t.Errorf("%+v", s)
		}
	}
}

// While an event loop is busy its members take what is published, and send it
// together at the end of the turn: they are not behind.
func TestLoopMembersInATurn(t *testing.T) {
	h := newHub(t, hub.Options{})
	hold, held := make(chan struct{}), make(chan struct{})
	m := serveLoop(t, h, "end:x", &websocket.Loop{Loops: 1, Message: func(*websocket.Conn, websocket.MessageType, []byte) {
		close(held) // as no callback should
		<-hold
	}})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	c, one := m.dial(t)
	c.Write(t.Context(), websocket.MessageText, nil)
	<-held
	const n = 5
	for i := range n {
		h.Publish(t.Context(), "end:x", fmt.Appendf(nil, "%d", i), nil)
		eventually(t, func() bool { return one.client.Stats().Delivered == uint64(i+1) })
	}
	if s := one.conn.Stats(); s.Queued == 0 || s.Stalled {
		t.Errorf("%+v", s)
	}
	// What is more than a turn's waits in the hub.
	big := make([]byte, 30<<10)
	for range 10 {
		h.Publish(t.Context(), "end:x", big, &hub.PublishOptions{Binary: true})
	}
	eventually(t, func() bool { return one.client.Stats().Delivered >= n+2 })
	if s := one.conn.Stats(); s.Queued > 4*64<<10 {
		t.Errorf("%+v", s)
	}
	release()
	for i := range n + 10 {
		want := fmt.Append(nil, i)
		if i >= n {
			want = big
		}
		if _, p, err := c.Read(t.Context()); err != nil || !bytes.Equal(p, want) {
			t.Fatalf("message %d: %d bytes, %v", i, len(p), err)
		}
	}
}

// What waits for a member of an event loop that does not read waits in the hub,
// where messages of a key take each other's place; and the others do not wait.
func TestLoopMembersConflate(t *testing.T) {
	h := newHub(t, hub.Options{})
	m := serveLoop(t, h, "price:x", &websocket.Loop{Loops: 1})
	slow, s := m.dial(t)
	brisk, _ := m.dial(t)
	p := make([]byte, 50<<10)
	var last uint32
	for ; s.client.Stats().Conflated < 20; last++ {
		binary.BigEndian.PutUint32(p, last)
		h.Publish(t.Context(), "price:x", p, &hub.PublishOptions{Key: "k", Binary: true})
		if _, got, err := brisk.Read(t.Context()); err != nil || binary.BigEndian.Uint32(got) != last {
			t.Fatalf("%d bytes, %v, want message %d", len(got), err, last)
		}
	}
	if st := s.client.Stats(); st.Queued > 6 || !s.conn.Stats().Stalled {
		t.Errorf("%+v, %+v", st, s.conn.Stats())
	}
	for before := -1; ; {
		_, got, err := slow.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := int(binary.BigEndian.Uint32(got))
		if n <= before {
			t.Fatalf("%d came after %d", n, before)
		}
		if before = n; n == int(last)-1 {
			break
		}
	}
}

// Who is too slow on an event loop is told so.
func TestLoopMembersTooSlow(t *testing.T) {
	h := newHub(t, hub.Options{QueueMessages: 4})
	m := serveLoop(t, h, "end:x", &websocket.Loop{Loops: 1})
	slow, s := m.dial(t)
	p := make([]byte, 60<<10)
	for s.client.Err() == nil {
		h.Publish(t.Context(), "end:x", p, &hub.PublishOptions{Binary: true})
		runtime.Gosched()
	}
	var err error
	for err == nil {
		_, _, err = slow.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
		t.Errorf("the slow member is told %v, want 1013", err)
	}
	<-m.left
	eventually(t, func() bool {
		st := s.client.Stats()
		return st.Offered == st.Delivered+st.DroppedNewest+st.Abandoned && st.Queued == 0
	})
}
