package main

import (
	"github.com/wye-org/wye/cmd/wye/site"
	"github.com/wye-org/wye/cmd/wye/ticker"
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
