// Package game is the game scenario: sessions in which people on different
// machines play together, over WebSocket. The server alone moves the world, at
// [arena.Rate]; inputs go up, and what has changed comes down. docs/game.md
// describes its protocol, package codec has it, package arena is the game.
package game

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// Subprotocol is the name of the protocol that docs/game.md describes.
const Subprotocol = "game-state-sync"

// Bounds of one connection.
const (
	// messageRate is how many messages a second are read of a client, which
	// has one a tick to send.
	messageRate = 45
	// queued is how many messages wait for a connection: more would be of the
	// past.
	queued = 8
)

// A Handler serves one session per path value "session".
type Handler struct {
	house *house
	http  http.Handler
}

// NewHandler returns a handler of sessions in h, which has the [Namespaces] and that
// of package lease. The message sizes and rates, the subprotocol and the Check of
// accept are the handler's own. The caller closes h when the handler's last
// connection has ended.
func NewHandler(h *hub.Hub, accept websocket.AcceptOptions) *Handler {
	accept.Subprotocols = []string{Subprotocol}
	accept.MaxMessage = codec.MaxUp
	accept.MessageRate, accept.MessageBurst = messageRate, messageRate
	accept.WriteQueueBytes, accept.WriteQueueMessages = queued*codec.MaxFrame, queued
	if accept.Logger == nil {
		accept.Logger = slog.New(slog.DiscardHandler)
	}
	house := newHouse(h)
	// Who finds the session full is told so in plain HTTP.
	accept.Check = func(r *http.Request) error {
		name := r.PathValue("session")
		return rooms.Full(name, house.hub.HasRoom(seenIn(name)))
	}
	return &Handler{house, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		session := c.Request().PathValue("session")
		err := house.converse(ctx, c, session)
		if ended := (*Ending)(nil); errors.As(err, &ended) {
			accept.Logger.InfoContext(ctx, "game connection closed", "session", session, "remote", c.Request().RemoteAddr, "err", err)
			return nil
		}
		return err
	}, &accept)}
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, err := rooms.CleanName("session", r.PathValue("session"))
	if err != nil {
		wye.Answer(w, err)
		return
	}
	r.SetPathValue("session", name)
	h.http.ServeHTTP(w, r)
}
