package h3

import (
	"context"
	"crypto/tls"

	"github.com/quic-go/quic-go"
)

// DialUDP connects as a Client does.
func DialUDP(ctx context.Context, address string, tlsConfig *tls.Config, config *quic.Config) (*quic.Conn, error) {
	addrs, err := resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	return dial(ctx, addrs, tlsConfig, config)
}
