package dashboard

import (
	"context"

	"github.com/wye-org/wye/websocket"
)

// Watch shows c the samples, as Handler does.
func (b *Board) Watch(ctx context.Context, c *websocket.Conn) error { return b.watch(ctx, c) }
