// Package ticker is the stock ticker scenario: made-up prices, of which a client
// follows the symbols that it names, over WebSocket. A client that is slow gets
// the newest price of each, and how many it missed. docs/ticker.md describes its
// protocol.
package ticker

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// namespace is that of the channels, one for each symbol.
const namespace = "ticker"

func channelOf(symbol string) string { return namespace + ":" + symbol }

// Namespace is what the hub of a Handler has to have: live channels that anyone
// may follow and nobody but the Handler publishes into, where a newer tick takes
// the place of an older one that waits.
func Namespace() hub.Namespace {
	return hub.Namespace{Name: namespace, Slow: hub.Conflate, MaySubscribe: hub.Anyone}
}

// Bounds of one connection.
const (
	maxRequest  = 4 << 10 // bytes
	requestRate = 100     // a second; a page acknowledges with each frame that it draws
	// queued is how many messages wait in the connection: few, because those
	// that wait in the hub give way to newer ones.
	queued = 64
)

// A Handler streams prices.
type Handler struct {
	feed   feed
	accept websocket.AcceptOptions
}

// NewHandler returns a handler of a market with the given seed, whose ticks go
// through h, which has the [Namespace] and that of package lease. Servers that share
// h's engine have one market: that of the one which makes the prices. The caller
// closes h when the handler's last connection has ended. The bounds and the subprotocol of accept are the handler's own.
func NewHandler(h *hub.Hub, seed uint64, accept websocket.AcceptOptions) *Handler {
	accept.Subprotocols = []string{Subprotocol}
	accept.MaxMessage = maxRequest
	accept.MessageRate, accept.MessageBurst = requestRate, 2*requestRate
	accept.WriteQueueMessages = queued
	if accept.Logger == nil {
		accept.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{feed: feed{hub: h, seed: seed}, accept: accept}
}

// ServeHTTP reads what the URL asks for before the switch, so that who asks for
// what there is not is told so in plain HTTP.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, err := asked(r)
	if err != nil {
		wye.Answer(w, err)
		return
	}
	websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return h.converse(ctx, c, first)
	}, &h.accept).ServeHTTP(w, r)
}

// asked is what r's query says in symbols=ACME,BYTE; Default if it does not.
func asked(r *http.Request) ([]string, error) {
	values, found := r.URL.Query()["symbols"]
	if !found {
		return Default, nil
	}
	names := strings.FieldsFunc(strings.Join(values, ","), func(r rune) bool { return r == ',' })
	return symbols(names)
}
