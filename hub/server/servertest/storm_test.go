package servertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/hub/server/servertest"
	"github.com/wye-org/wye/websocket"
)

// All clients lose their connections in the same moment and come back at once, to any
// node, while messages go on being published: each gets every message once and in order.
func TestReconnectStorm(t *testing.T) {
	s := &storm{t: t, clients: 300, messages: 60}
	if os.Getenv("WYE_SLOW") == "1" {
		s.clients = 5000
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	engine := hub.NewMemory(nil)
	var hubs []*hub.Hub
	for range 2 {
		h := newHub(t, engine, servertest.Namespace("storm", s.messages))
		hubs = append(hubs, h)
		s.nodes = append(s.nodes, servertest.Serve(t, server.Options{Hub: h, Open: []string{"storm"}}))
	}
	published := 0
	publish := func(n int) {
		for range n {
			if _, err := hubs[published%2].Publish(ctx, "storm:all", fmt.Append(nil, published), nil); err != nil {
				t.Fatal(err)
			}
			published++
		}
	}

	var all sync.WaitGroup
	s.joined.Add(s.clients)
	s.lost.Add(s.clients)
	s.cut = make(chan struct{})
	for i := range s.clients {
		all.Go(func() { s.follow(ctx, i) }) // ends with the last message, or with ctx
	}
	done := make(chan struct{})
	go func() { // ends with the clients
		s.joined.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("not all have joined")
	}
	publish(s.messages / 3)
	close(s.cut)
	s.lost.Wait()
	publish(s.messages - published)
	all.Wait()

	t.Logf("published %d to %d clients, delivered %d, of these %d by recoveries; %d recovered, %d connections after the first",
		published, s.clients, s.delivered.Load(), s.missed.Load(), s.recovered.Load(), s.again.Load())
	if want := int64(s.clients * s.messages); s.delivered.Load() != want {
		t.Errorf("delivered %d, want %d", s.delivered.Load(), want)
	}
	if s.recovered.Load() < int64(s.clients) || s.missed.Load() == 0 {
		t.Error("that was no storm")
	}
}

type storm struct {
	t         *testing.T
	clients   int
	messages  int
	nodes     []string
	joined    sync.WaitGroup // who has not joined yet
	lost      sync.WaitGroup // whose connection was not cut yet
	cut       chan struct{}  // closed when the storm begins
	delivered atomic.Int64
	recovered atomic.Int64
	missed    atomic.Int64
	again     atomic.Int64
}

// errDone ends a client that has everything.
var errDone = errors.New("has everything")

// follow is a client, which comes back until it has everything.
func (s *storm) follow(ctx context.Context, id int) {
	c := &stormClient{storm: s, id: id, joined: sync.OnceFunc(s.joined.Done), lost: sync.OnceFunc(s.lost.Done)}
	for {
		err := c.connect(ctx)
		switch {
		case err == errDone:
			return
		case ctx.Err() != nil:
			s.t.Errorf("client %d: the time is up, it has %d messages: %v", id, c.next, err)
			return
		}
		s.again.Add(1)
		time.Sleep(rand.N(100 * time.Millisecond)) // sets the pace alone
	}
}

type stormClient struct {
	*storm
	id     int
	joined func()
	lost   func()
	epoch  string
	offset uint64
	next   int // the message it waits for
}

// connect connects to some node, subscribes, and reads to the end.
func (c *stormClient) connect(ctx context.Context) error {
	var socket *net.TCPConn
	opts := &websocket.DialOptions{
		HandshakeTimeout: time.Minute,
		NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				socket = conn.(*net.TCPConn)
			}
			return conn, err
		},
	}
	conn, _, err := websocket.Dial(ctx, "ws://"+c.nodes[rand.N(len(c.nodes))]+"/connection/websocket", opts)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	select {
	case <-c.cut:
		c.lost()
	default:
		reset := make(chan struct{})
		defer func() { <-reset }()
		over := make(chan struct{})
		defer close(over)
		go func() { // ends with the connection, or ends it
			defer close(reset)
			select {
			case <-c.cut:
				socket.SetLinger(0)
				conn.CloseNow()
				c.lost()
			case <-over:
			}
		}()
	}
	since := ""
	if c.epoch != "" {
		since = fmt.Sprintf(`,"recover":true,"epoch":%q,"offset":%d`, c.epoch, c.offset)
	}
	commands := fmt.Sprintf("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"storm:all\"%s}}", since)
	if err := conn.Write(ctx, websocket.MessageText, []byte(commands)); err != nil {
		return err
	}
	for {
		_, p, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(p) {
			if err := c.take(ctx, conn, line); err != nil {
				return err
			}
		}
	}
}

type publication struct {
	Offset uint64
	Data   int
}

// take takes a line from the server.
func (c *stormClient) take(ctx context.Context, conn *websocket.Conn, line []byte) error {
	var r struct {
		ID        int
		Error     json.RawMessage
		Subscribe *struct {
			Epoch        string
			Offset       uint64
			Recovered    bool
			Publications []publication
		}
		Push *struct{ Pub *publication }
	}
	if err := json.Unmarshal(line, &r); err != nil {
		c.t.Errorf("client %d: %q: %v", c.id, line, err)
		return err
	}
	switch {
	case r.Error != nil:
		return fmt.Errorf("answered %s", r.Error)
	case r.Push != nil && r.Push.Pub != nil:
		return c.has(*r.Push.Pub)
	case r.Subscribe != nil:
		if c.epoch != "" {
			if !r.Subscribe.Recovered {
				c.t.Errorf("client %d: not recovered after %d", c.id, c.next)
			}
			c.recovered.Add(1)
		} else {
			c.offset = r.Subscribe.Offset
		}
		c.epoch = r.Subscribe.Epoch
		c.missed.Add(int64(len(r.Subscribe.Publications)))
		for _, p := range r.Subscribe.Publications {
			if err := c.has(p); err != nil {
				return err
			}
		}
		c.joined()
	case r.ID == 0 && r.Push == nil:
		return conn.Write(ctx, websocket.MessageText, []byte("{}"))
	}
	return nil
}

// has notes a message.
func (c *stormClient) has(p publication) error {
	if p.Data != c.next {
		c.t.Errorf("client %d: got %d, want %d", c.id, p.Data, c.next)
	}
	c.next, c.offset = p.Data+1, p.Offset
	c.delivered.Add(1)
	if c.next == c.messages {
		return errDone
	}
	return nil
}
