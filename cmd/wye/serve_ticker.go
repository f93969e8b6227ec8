package main

import (
	"math/rand/v2"

	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/cmd/wye/ticker"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

var aboutTicker = site.Endpoint{
	Paths:        []string{"/api/stocks/stream"},
	Title:        "Ticker",
	Text:         "Made-up prices, of the symbols you name. A slow client gets the newest of each, and how many it missed.",
	ProtocolsAre: "Subprotocol",
	Protocols:    []string{ticker.Subprotocol},
	Page:         "/ticker.html",
	Lines: []site.Line{
		upgradeLine("/api/stocks/stream"),
		{Tool: "wye", Text: `wye connect 'ws://HOST/api/stocks/stream?symbols=ACME,QUIC'`},
		{Tool: "websocat", Text: `websocat 'ws://HOST/api/stocks/stream?symbols=ACME,QUIC'`},
		{Tool: "browser", Text: `ws = new WebSocket("ws://HOST/api/stocks/stream", "` + ticker.Subprotocol + `"); ws.onmessage = e => console.log(e.data)`},
	},
}

// prices is the ticker, with the hub that it publishes into.
type prices struct {
	*ticker.Handler
	hub *hub.Hub
}

func newPrices(accept websocket.AcceptOptions) (*prices, error) {
	h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{ticker.Namespace()}, Logger: accept.Logger})
	if err != nil {
		return nil, err
	}
	return &prices{ticker.NewHandler(h, rand.Uint64(), accept), h}, nil
}

// Close ends what moves the prices. The connections have ended.
func (p *prices) Close() {
	p.Handler.Close()
	p.hub.Close()
}
