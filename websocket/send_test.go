package websocket

import (
	"bytes"
	"context"
	"sync"
	"syscall"
	"testing"
)

// partial is a socket that takes three bytes at a time, and lets somebody write
// meanwhile.
type partial struct {
	syscall.RawConn
	c         *Conn
	meanwhile func()
}

func (p *partial) Write(func(uintptr) bool) error {
	a := &p.c.attempt
	for {
		b := a.f.joined()
		n, err := p.c.nc.Write(b[:min(3, len(b))])
		a.f.sent, a.err = a.f.sent+n, err
		p.meanwhile()
		if err != nil || a.f.left() == 0 || !a.onward {
			return nil
		}
	}
}

// What the kernel did not take goes out before what was queued meanwhile.
func TestPartialSendKeepsOrder(t *testing.T) {
	peer, c := Pipe(nil, nil)
	defer peer.CloseNow()
	defer c.CloseNow()
	ctx := context.Background()
	want := [][]byte{bytes.Repeat([]byte("1"), 100), []byte("two"), []byte("three")}
	var once sync.Once
	c.mu.Lock()
	c.raw = &partial{c: c, meanwhile: func() {
		once.Do(func() {
			c.Write(ctx, MessageText, want[1])
			c.Write(ctx, MessageText, want[2])
		})
	}}
	c.mu.Unlock()
	if err := c.Write(ctx, MessageText, want[0]); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if _, p, err := peer.Read(ctx); !bytes.Equal(p, w) {
			t.Fatalf("%q, %v; want %q", p, err, w)
		}
	}
}

// What the kernel has begun to take is in nobody's way: the queue has as much room
// for messages as before.
func TestPartialSendDoesNotCount(t *testing.T) {
	peer, c := Pipe(nil, &Options{WriteQueueMessages: 2})
	defer peer.CloseNow()
	defer c.CloseNow()
	send, sent := make(chan struct{}), 0
	c.mu.Lock()
	c.raw = &partial{c: c, meanwhile: func() {
		if sent++; sent == 2 {
			<-send
		}
	}}
	c.mu.Unlock()
	if err := c.Write(context.Background(), MessageText, []byte("one")); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, nil, ErrQueueFull} {
		if err := c.TryWrite(MessageText, []byte("more")); err != want {
			t.Errorf("message %d: %v, want %v", i, err, want)
		}
	}
	close(send)
	for _, want := range []string{"one", "more", "more"} {
		if _, p, err := peer.Read(context.Background()); string(p) != want {
			t.Fatalf("%q, %v", p, err)
		}
	}
}
