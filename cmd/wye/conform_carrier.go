package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/conform"
	"github.com/wye-org/wye/h2"
)

// overHTTP2 opens the suite's connections as streams of HTTP/2. What is tested
// by them is the server; the client's frames are the suite's own.
func overHTTP2(transport *h2.Transport, target string, config *tls.Config) conform.StreamOpener {
	return func(ctx context.Context, dial conform.Dialer, fields []conform.Field) (net.Conn, []conform.Field, error) {
		header := make(http.Header)
		for _, f := range fields {
			header.Add(f.Name, f.Value)
		}
		c, resp, err := wye.Dial(ctx, target, &wye.DialOptions{
			Tokens: []wye.Token{{Name: "websocket"}}, Header: header,
			TLSConfig: config, NetDial: dial, Carriers: []wye.Carrier{transport},
		})
		if err != nil {
			return nil, nil, err
		}
		var answer []conform.Field
		for name, values := range resp.Header {
			for _, v := range values {
				answer = append(answer, conform.Field{Name: name, Value: v})
			}
		}
		return c, answer, nil
	}
}

// openBy is how the carrier of --carrier opens connections; nil: as HTTP/1.1
// does. done has to be called behind the last one.
func (o *conformOptions) openBy(target string, config *tls.Config) (open conform.StreamOpener, done func(), err error) {
	switch strings.ToLower(o.carrier) {
	case "", "h1":
		return nil, func() {}, nil
	case "h2":
		transport := new(h2.Transport)
		return overHTTP2(transport, target, config), func() { transport.Close() }, nil
	}
	return nil, nil, fmt.Errorf("--carrier %s is neither h1 nor h2", o.carrier)
}
