// Package chat is the chat scenario: rooms in which people see who is here and
// what they say, over WebSocket, with the last messages for a newcomer.
// docs/chat.md describes its protocol.
package chat

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// requestOverhead is what a request may have beyond its text. Of that JSON may
// write each byte with six: \u0041.
const requestOverhead = 1 << 10

// A Handler serves one room per path value "room".
type Handler struct {
	house *house
	http  http.Handler
}

// NewHandler returns a handler of rooms in h, which has the [Namespaces]. The message
// size, the subprotocol and the Check of accept are the handler's own. The caller
// closes h when the handler's last connection has ended.
func NewHandler(h *hub.Hub, limits Limits, accept websocket.AcceptOptions) *Handler {
	accept.Subprotocols = []string{Subprotocol}
	accept.MaxMessage = 6*limits.TextBytes + requestOverhead
	if accept.Logger == nil {
		accept.Logger = slog.New(slog.DiscardHandler)
	}
	house := newHouse(h, limits)
	// Who finds the room full is told so in plain HTTP.
	accept.Check = func(r *http.Request) error {
		name := r.PathValue("room")
		return rooms.Full(name, house.hub.HasRoom(seatIn(name)))
	}
	return &Handler{house, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		room := c.Request().PathValue("room")
		err := house.converse(ctx, c, room)
		if ended := (*Ending)(nil); errors.As(err, &ended) {
			accept.Logger.InfoContext(ctx, "chat connection closed", "room", room, "remote", c.Request().RemoteAddr, "err", err)
			return nil
		}
		return err
	}, &accept)}
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
