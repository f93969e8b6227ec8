// Package relay passes WebSocket messages on, as they came, to everyone else in
// the same room.
package relay

import (
	"context"
	"errors"
	"net/http"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// A Handler serves one room per path value "room". It speaks whichever
// subprotocol a client offers first: the messages are not its business.
type Handler struct {
	hub  *hub.Hub
	rate pace.Rate
	http http.Handler
}

// Namespace is what the hub of a Handler has to have.
func Namespace(limits rooms.Limits) hub.Namespace {
	return hub.Namespace{
		Name:         "room",
		MaxChannels:  limits.Rooms,
		MaxMembers:   limits.Seats,
		Slow:         hub.Disconnect, // nobody misses a message without being told
		MaySubscribe: hub.Anyone,
		MayPublish:   hub.Anyone,
	}
}

// NewHandler returns a handler of rooms in h, which has the [Namespace] and takes
// messages that are as long as accept's. Who sends more messages a second than rate
// is not read from until their turn comes, so that their own TCP connection slows
// them down. The caller closes h when the handler's last connection has ended.
func NewHandler(h *hub.Hub, rate pace.Rate, accept websocket.AcceptOptions) *Handler {
	r := &Handler{hub: h, rate: rate}
	accept.SelectSubprotocol = firstOffered
	// Who finds the room full is told so in plain HTTP.
	accept.Check = func(q *http.Request) error {
		name := q.PathValue("room")
		return rooms.Full(name, h.HasRoom(channel(name)))
	}
	r.http = websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return r.relay(ctx, c, c.Request().PathValue("room"))
	}, &accept)
	return r
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, err := rooms.CleanName("room", r.PathValue("room"))
	if err != nil {
		wye.Answer(w, err)
		return
	}
	r.SetPathValue("room", name)
	h.http.ServeHTTP(w, r)
}

// channel is that of a room.
func channel(room string) string { return "room:" + room }

// firstOffered agrees to the client's favourite subprotocol.
func firstOffered(_ *http.Request, offered []string) (string, error) {
	if len(offered) == 0 {
		return "", nil
	}
	return offered[0], nil
}

// relay passes on what c sends until it ends.
func (h *Handler) relay(ctx context.Context, c *websocket.Conn, room string) error {
	member, err := h.hub.Connect(hubws.Outlet(c, nil), nil)
	if err != nil {
		return err
	}
	defer member.Close()
	if _, err := member.Join(ctx, channel(room), nil); err != nil {
		return refuse(ctx, c, rooms.Full(room, err))
	}
	var meter pace.Meter
	var buf []byte
	for {
		typ, p, err := c.ReadInto(ctx, buf[:0])
		if err == nil {
			err = meter.Wait(ctx, h.rate)
		}
		if err == nil {
			_, err = member.Publish(ctx, channel(room), p, &hub.PublishOptions{Binary: typ == websocket.MessageBinary, Others: true})
		}
		if err != nil {
			return end(c, err)
		}
		buf = p
	}
}

// refuse closes a connection for which there was a seat when it was switched, and
// is none now.
func refuse(ctx context.Context, c *websocket.Conn, err error) error {
	var full *rooms.FullError
	if !errors.As(err, &full) {
		return end(c, err)
	}
	// Close is bounded by the connection's own close timeout; how it ends is of
	// no more interest.
	c.Close(context.WithoutCancel(ctx), websocket.StatusTryAgainLater, "the room is full")
	return nil
}

// end is why a relay ended, if that is a failure of ours.
func end(c *websocket.Conn, err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return nil
	case errors.Is(err, hub.ErrSlow) || errors.Is(err, hub.ErrClosed):
		<-c.Done() // the hub closes it, which takes the close timeout at the most
		return nil
	}
	return err
}
