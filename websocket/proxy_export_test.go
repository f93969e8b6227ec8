package websocket

import (
	"context"
	"io"
	"net/http"

	"github.com/wye-org/wye"
)

// DialRaw is Dial up to the 101.
func DialRaw(ctx context.Context, rawURL string, o *DialOptions) (wye.Conn, *http.Response, error) {
	header, _, err := o.request(o.Deflate.Offer())
	if err != nil {
		return nil, nil, err
	}
	return o.follow(ctx, rawURL, header)
}

// ReadHead is what reads a proxy's answer; StatusOf what judges it.
func ReadHead(r io.Reader, limit int) ([]byte, error) { return readHead(r, limit) }
func StatusOf(head []byte) int                        { return statusOf(head) }
