package websocket

import (
	"context"
	"net/http"

	"github.com/wye-org/wye"
)

// DialRaw is Dial up to the 101.
func DialRaw(ctx context.Context, rawURL string, o *DialOptions) (wye.Conn, *http.Response, error) {
	header, err := o.request(o.Deflate.Offer())
	if err != nil {
		return nil, nil, err
	}
	return wye.Dial(ctx, rawURL, o.upgrade(header))
}
