package main

import (
	"github.com/wye-org/wye/cmd/wye/game"
	"github.com/wye-org/wye/cmd/wye/site"
)

// aboutGame is what the start page tells of the game.
var aboutGame = site.Endpoint{
	Paths:        []string{"/game/session/{session}"},
	Title:        "Game",
	Text:         "People and bots paint one floor. The server moves the world thirty times a second; inputs go up, and what has changed comes down, in a few bytes.",
	ProtocolsAre: "Subprotocol",
	Protocols:    []string{game.Subprotocol},
	Page:         "/game.html",
	Lines: []site.Line{
		upgradeLine("/game/session/lobby"),
		{Tool: "websocat", Text: `websocat -b ws://HOST/game/session/lobby | xxd`},
		{Tool: "browser", Text: `ws = new WebSocket("ws://HOST/game/session/lobby", "` + game.Subprotocol + `"); ws.binaryType = "arraybuffer"; ws.onmessage = e => console.log(new Uint8Array(e.data))`},
	},
}
