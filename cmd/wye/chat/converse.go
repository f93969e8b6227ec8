package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// tooManyRefusals is how many requests of one connection are refused in a
// second before it is closed.
const tooManyRefusals pace.Rate = 20

// An Ending says that this end closes the connection, and how.
type Ending struct {
	Code   websocket.StatusCode
	Reason string
}

func (e *Ending) Error() string { return fmt.Sprintf("closed with %d: %s", e.Code, e.Reason) }

// converse holds the conversation with one connection until it ends, and closes
// it where the end is ours: then the error is an *Ending. It is nil if the
// connection has ended by itself, whoever did that.
func (h *house) converse(ctx context.Context, c *websocket.Conn, room string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Twelve letters: as much as anybody wants to see of an id.
	client, err := h.hub.Connect(hubws.Outlet(c, encoding), &hub.ClientOptions{ID: rand.Text()[:12], QueueBytes: queueBytes})
	if err != nil {
		return err
	}
	defer client.Close()
	v := visitor{house: h, room: room, client: client, conn: c}
	if _, err := client.Join(ctx, seatIn(room), nil); err != nil {
		return v.end(ctx, rooms.Full(room, err))
	}
	late := time.AfterFunc(h.limits.JoinWithin, func() {
		cancel(&Ending{websocket.StatusPolicyViolation, fmt.Sprintf("no join within %v", h.limits.JoinWithin)})
	})
	defer late.Stop()

	var buf []byte
	for {
		typ, p, err := c.ReadInto(ctx, buf[:0])
		if err == nil {
			err = ctx.Err() // what had come already is read all the same
		}
		if err != nil {
			return v.end(ctx, err)
		}
		buf = p
		if err := v.hear(ctx, typ, p); err != nil {
			return v.end(ctx, err)
		}
		if v.joined {
			late.Stop()
		}
	}
}

// A visitor is one connection's part in a conversation.
type visitor struct {
	house    *house
	room     string
	client   *hub.Client
	conn     *websocket.Conn
	joined   bool
	self     Member // once joined
	messages pace.Meter
	refusals pace.Meter
}

// hear carries out one request. An error ends the conversation; a refusal does
// not.
func (v *visitor) hear(ctx context.Context, typ websocket.MessageType, p []byte) error {
	err := v.try(ctx, typ, p)
	var refused *Refusal
	if !errors.As(err, &refused) {
		return err
	}
	if _, ok := v.refusals.Allow(tooManyRefusals, time.Now()); !ok {
		return &Ending{websocket.StatusPolicyViolation, "too many refused requests, the last: " + err.Error()}
	}
	return v.client.Send(refusal(refused), false)
}

func (v *visitor) try(ctx context.Context, typ websocket.MessageType, p []byte) error {
	q, err := parseRequest(typ, p, v.house.limits.TextBytes)
	switch {
	case err != nil:
		return err
	case q.Type == join && v.joined:
		return &Refusal{AlreadyJoined, join, "you are here already as " + v.self.Name}
	case q.Type == join:
		v.self, err = v.house.join(ctx, v.client, v.room, q.Name)
		v.joined = err == nil
		return err
	case !v.joined:
		return &Refusal{NotJoined, q.Type, "join with a name first"}
	}
	if _, ok := v.messages.Allow(v.house.limits.Rate, time.Now()); !ok {
		return &Refusal{TooFast, say, fmt.Sprintf("more than %v messages in a second", v.house.limits.Rate)}
	}
	return v.house.say(ctx, v.client, v.room, v.self, q.Text)
}

// end closes the connection where the end is ours, after the others were told
// that the member has left: closing waits for the peer.
func (v *visitor) end(ctx context.Context, err error) error {
	behind := errors.Is(v.client.Err(), hub.ErrSlow)
	v.client.Close()
	var ours *Ending
	var full *rooms.FullError
	switch {
	case behind:
		<-v.conn.Done() // the hub closes it, which takes the close timeout at the most
		return &Ending{websocket.StatusTryAgainLater, hub.ErrSlow.Error()}
	case errors.As(err, &full):
		// The last seat was taken while the connection was switched.
		ours = &Ending{websocket.StatusTryAgainLater, "the room is full"}
	case errors.As(err, &ours) || errors.As(context.Cause(ctx), &ours):
	default:
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return nil
		case errors.Is(err, hub.ErrClosed):
			<-v.conn.Done() // as above
			return nil
		}
		return err
	}
	// Close is bounded by the connection's own close timeout.
	if err := v.conn.Close(context.WithoutCancel(ctx), ours.Code, ours.Reason); err != nil {
		return fmt.Errorf("%w (%v)", ours, err)
	}
	return ours
}
