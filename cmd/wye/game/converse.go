package game

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// An Ending says that this end closes the connection, and how.
type Ending struct {
	Code   websocket.StatusCode
	Reason string
}

func (e *Ending) Error() string { return fmt.Sprintf("closed with %d: %s", e.Code, e.Reason) }

// converse lets one connection see the session and play in it until it ends, and
// closes it where the end is ours: then the error is an *Ending. It is nil if
// the connection has ended by itself, whoever did that.
func (h *house) converse(ctx context.Context, c *websocket.Conn, session string) error {
	member := newMember()
	out := newOutlet(c)
	client, err := h.hub.Connect(out, nil)
	if err != nil {
		return err
	}
	v := &viewer{hub: h.hub, session: session, member: member, client: client, out: out}
	err = h.host(ctx, c, v)
	client.Close()

	var ours *Ending
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &ours):
		// Close is bounded by the connection's own close timeout.
		c.Close(context.WithoutCancel(ctx), ours.Code, ours.Reason)
	case errors.As(err, &closed):
		return nil
	case errors.Is(err, hub.ErrClosed):
		<-c.Done() // the hub closes it, which takes the close timeout at the most
		return nil
	}
	return err
}

// A viewer is one connection's part in a session.
type viewer struct {
	hub     *hub.Hub
	session string
	member  uint32
	client  *hub.Client
	out     *outlet

	mu   sync.Mutex // guards name
	name string     // under which the member plays; "": it does not
}

// host greets v, and listens until it ends.
func (h *house) host(ctx context.Context, c *websocket.Conn, v *viewer) error {
	hello := codec.AppendHello(nil, codec.Hello{Version: codec.Version, Member: v.member})
	_, err := v.client.Join(ctx, seenIn(v.session), &hub.JoinOptions{
		Greet: func(*hub.Welcome) []*hub.Message { return []*hub.Message{{Data: hello, Binary: true}} },
	})
	if err != nil {
		if full := (*rooms.FullError)(nil); errors.As(rooms.Full(v.session, err), &full) {
			return &Ending{websocket.StatusTryAgainLater, "the session is full"}
		}
		return err
	}
	h.sessions.enter(v)
	defer h.sessions.leave(v)
	// Before the closing, which waits for the peer.
	defer v.does(context.WithoutCancel(ctx), codec.Leave{})

	var buf []byte
	for {
		typ, p, err := c.ReadInto(ctx, buf[:0])
		if err != nil {
			return err
		}
		buf = p
		if err := v.hear(ctx, typ, p); err != nil {
			return err
		}
	}
}

// hear takes in one message. An error ends the conversation.
func (v *viewer) hear(ctx context.Context, typ websocket.MessageType, p []byte) error {
	if typ != websocket.MessageBinary {
		return &Ending{websocket.StatusUnsupportedData, "a text message, want those of docs/game.md"}
	}
	m, err := codec.ParseUp(p)
	if err != nil {
		return &Ending{websocket.StatusPolicyViolation, err.Error()}
	}
	switch up := m.(type) {
	case codec.Join:
		name, err := rooms.CleanName("name", up.Name)
		if err != nil {
			return v.client.Send(codec.AppendRefusal(nil, err.Error()), true)
		}
		m = codec.Join{Name: name}
		v.plays(name)
	case codec.Leave:
		v.plays("")
	case codec.Inputs:
		v.out.saw(up.Seen)
		if up.N == 0 {
			return nil
		}
	}
	return v.does(ctx, m)
}

// does tells the owner what the member does. It is not the hub's client who says
// so: that may have ended before its connection, and then nobody would leave.
func (v *viewer) does(ctx context.Context, m codec.Up) error {
	_, err := v.hub.Publish(ctx, doneIn(v.session), appendDeed(nil, v.member, m), &hub.PublishOptions{Binary: true})
	return err
}

// plays notes under which name the member does; "": it does not.
func (v *viewer) plays(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.name = name
}

// joinAgain tells an owner that has just begun that the member plays.
func (v *viewer) joinAgain(ctx context.Context) error {
	v.mu.Lock()
	name := v.name
	v.mu.Unlock()
	if name == "" {
		return nil
	}
	return v.does(ctx, codec.Join{Name: name})
}

// newMember is a number that no other member of a session has, whichever server
// they are on; not 0.
func newMember() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return max(1, binary.LittleEndian.Uint32(b[:]))
}
