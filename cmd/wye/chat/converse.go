package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
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

// Converse holds the conversation with one connection until it ends, and closes
// it where the end is ours: then the error is an *Ending. It is nil if the
// connection has ended by itself, whoever did that.
func (r *Room) Converse(ctx context.Context, c *websocket.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v := visitor{room: r, conn: c, behind: func() {
		cancel(&Ending{websocket.StatusTryAgainLater, "too far behind: reconnect for the last messages"})
	}}
	late := time.AfterFunc(r.limits.JoinWithin, func() {
		cancel(&Ending{websocket.StatusPolicyViolation, fmt.Sprintf("no join within %v", r.limits.JoinWithin)})
	})
	defer late.Stop()
	defer v.leave()

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
		if err := v.hear(typ, p); err != nil {
			return v.end(ctx, err)
		}
		if v.seat != nil {
			late.Stop()
		}
	}
}

// A visitor is one connection's part in a conversation.
type visitor struct {
	room     *Room
	conn     *websocket.Conn
	behind   func() // ends the conversation; does not wait
	seat     *seat  // nil before the join
	messages pace.Meter
	refusals pace.Meter
}

// hear carries out one request. An error ends the conversation; a refusal does
// not.
func (v *visitor) hear(typ websocket.MessageType, p []byte) error {
	err := v.try(typ, p)
	if err == nil {
		return nil
	}
	if _, ok := v.refusals.Allow(tooManyRefusals, time.Now()); !ok {
		return &Ending{websocket.StatusPolicyViolation, "too many refused requests, the last: " + err.Error()}
	}
	if err := v.conn.TryWritePrepared(refusal(err)); errors.Is(err, websocket.ErrQueueFull) {
		v.behind()
	}
	return nil
}

func (v *visitor) try(typ websocket.MessageType, p []byte) error {
	q, err := parseRequest(typ, p, v.room.limits.TextBytes)
	switch {
	case err != nil:
		return err
	case q.Type == join && v.seat != nil:
		return &Refusal{AlreadyJoined, join, "you are here already as " + v.seat.Name}
	case q.Type == join:
		v.seat = v.room.join(q.Name, v.conn, v.behind)
	case v.seat == nil:
		return &Refusal{NotJoined, q.Type, "join with a name first"}
	default:
		if _, ok := v.messages.Allow(v.room.limits.Rate, time.Now()); !ok {
			return &Refusal{TooFast, say, fmt.Sprintf("more than %v messages in a second", v.room.limits.Rate)}
		}
		v.room.say(v.seat, q.Text)
	}
	return nil
}

func (v *visitor) leave() {
	if v.seat != nil {
		v.room.leave(v.seat)
	}
}

// end closes the connection where the end is ours, after the others were told
// that the member has left: closing waits for the peer.
func (v *visitor) end(ctx context.Context, err error) error {
	v.leave()
	var ours *Ending
	if !errors.As(err, &ours) && !errors.As(context.Cause(ctx), &ours) {
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
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
