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
	"github.com/wye-org/wye/websocket"
)

// requestOverhead is what a request may have beyond its text. Of that JSON may
// write each byte with six: \u0041.
const requestOverhead = 1 << 10

// A Handler serves one room per path value "room".
type Handler struct {
	rooms  *rooms.Set[*Room]
	limits Limits
	accept websocket.AcceptOptions
}

// NewHandler returns a handler of rooms within the given bounds. The message
// size and the subprotocol of accept are the handler's own.
func NewHandler(set rooms.Limits, limits Limits, accept websocket.AcceptOptions) *Handler {
	accept.Subprotocols = []string{Subprotocol}
	accept.MaxMessage = 6*limits.TextBytes + requestOverhead
	if accept.Logger == nil {
		accept.Logger = slog.New(slog.DiscardHandler)
	}
	open := func(name string) *Room { return NewRoom(name, limits) }
	return &Handler{rooms.NewSet(set, open, (*Room).Remembers), limits, accept}
}

// ServeHTTP takes a seat before the switch, so that who finds the room full is
// told so in plain HTTP.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, err := rooms.CleanName("room", r.PathValue("room"))
	if err != nil {
		wye.Answer(w, err)
		return
	}
	room, leave, err := h.rooms.Enter(name)
	if err != nil {
		h.accept.Logger.WarnContext(r.Context(), "chat refused", "room", name, "reason", err)
		wye.Answer(w, err)
		return
	}
	defer leave()
	websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		err := room.Converse(ctx, c)
		if ended := (*Ending)(nil); errors.As(err, &ended) {
			h.accept.Logger.InfoContext(ctx, "chat connection closed", "room", name, "remote", r.RemoteAddr, "err", err)
			return nil
		}
		return err
	}, &h.accept).ServeHTTP(w, r)
}

// Close drops the rooms that are empty and refuses newcomers.
func (h *Handler) Close() { h.rooms.Close() }
