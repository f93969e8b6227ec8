//go:build !(js && wasm)

package websocket

import (
	"context"
	"net/http"
)

// dialPlatform is Dial over sockets.
func dialPlatform(ctx context.Context, url string, opts *DialOptions) (*Conn, *http.Response, error) {
	return dialSocket(ctx, url, opts)
}
