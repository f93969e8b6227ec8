// Package echo sends WebSocket messages back as they came.
package echo

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/websocket"
)

// The bounds of the echo endpoints. A well-known conformance test sends 4 MiB
// in frames of 64 bytes: more than the library's usual 65,536 fragments.
const (
	MaxMessage   = 32 << 20
	MaxFragments = 1 << 20
)

// Subprotocols are spoken where a client offers one: to an echo they are names.
var Subprotocols = []string{"chat", "superchat"}

// Handler echoes text and binary messages, compressed if the client offers
// permessage-deflate: what comes back is what the client said, so no secret of
// the server's is among it. Bounds that accept leaves at zero are
// those above. Who sends more messages a second than rate is not read from until
// their turn comes, so that their own TCP connection slows them down.
func Handler(rate pace.Rate, accept websocket.AcceptOptions) http.Handler {
	accept.Subprotocols = Subprotocols
	accept.Deflate.Enabled = true
	if accept.MaxMessage == 0 {
		accept.MaxMessage = MaxMessage
	}
	if accept.MaxFragments == 0 {
		accept.MaxFragments = MaxFragments
	}
	return websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return serve(ctx, c, rate)
	}, &accept)
}

const (
	startBuffer = 4 << 10
	keptBuffer  = 64 << 10 // a larger one is not kept while a connection is idle
)

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, startBuffer)
	return &b
}}

func serve(ctx context.Context, c *websocket.Conn, rate pace.Rate) error {
	var meter pace.Meter
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	for {
		typ, p, err := c.ReadInto(ctx, (*pooled)[:0])
		if err == nil {
			err = meter.Wait(ctx, rate)
		}
		if err != nil {
			return ended(err)
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return ended(err)
		}
		// Write has copied p.
		if cap(p) <= keptBuffer {
			*pooled = p
		}
	}
}

// ended is nil for a connection that has ended: that is how an echo stops.
func ended(err error) error {
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return nil
	}
	return err
}
