package main

import (
	"github.com/wye-org/wye/cmd/wye/chat"
	"github.com/wye-org/wye/cmd/wye/echo"
	"github.com/wye-org/wye/cmd/wye/site"
)

// What the start page tells of the endpoints.
var (
	aboutChat = site.Endpoint{
		Paths:        []string{"/api/chat/room/{room}"},
		Title:        "Chat",
		Text:         "Rooms with names, who is here, and the last messages for a newcomer. Messages are JSON.",
		ProtocolsAre: "Subprotocol",
		Protocols:    []string{chat.Subprotocol},
		Page:         "/chat.html",
		Lines: []site.Line{
			upgradeLine("/api/chat/room/lobby"),
			{Tool: "wye", Text: `echo '{"type":"join","name":"Ada"}' | wye connect --wait -1s ws://HOST/api/chat/room/lobby`},
			{Tool: "websocat", Text: `echo '{"type":"join","name":"Ada"}' | websocat --no-close ws://HOST/api/chat/room/lobby`},
			{Tool: "browser", Text: `ws = new WebSocket("ws://HOST/api/chat/room/lobby", "` + chat.Subprotocol + `"); ws.onmessage = e => console.log(e.data); ws.onopen = () => ws.send('{"type":"join","name":"Ada"}')`},
		},
	}
	aboutEcho = site.Endpoint{
		Paths:        []string{"/echo", "/socket", "/chat", "/ws"},
		Text:         "Every text or binary message comes back as it went.",
		ProtocolsAre: "Subprotocols",
		Protocols:    echo.Subprotocols,
		Lines: []site.Line{
			upgradeLine("/echo"),
			{Tool: "wye", Text: `echo hello | wye connect ws://HOST/echo`},
			{Tool: "websocat", Text: `websocat ws://HOST/echo`},
			{Tool: "browser", Text: `ws = new WebSocket("ws://HOST/echo"); ws.onmessage = e => console.log(e.data); ws.onopen = () => ws.send("hello")`},
		},
	}
	aboutRelay = site.Endpoint{
		Paths:        []string{"/ws/{room}"},
		Text:         "What one sends, everyone else in the room receives, as it went. Takes any subprotocol.",
		ProtocolsAre: "",
		Lines: []site.Line{
			upgradeLine("/ws/lobby"),
			{Tool: "wye", Text: `wye connect ws://HOST/ws/lobby`},
			{Tool: "websocat", Text: `websocat ws://HOST/ws/lobby`},
			{Tool: "browser", Text: `ws = new WebSocket("ws://HOST/ws/lobby"); ws.onmessage = e => console.log(e.data)`},
		},
	}
	aboutTokens = site.Endpoint{
		Paths:        []string{"/", "/index.html"},
		Text:         "This page, or a switch to one of two tokens of our own: then every line comes back.",
		ProtocolsAre: "Tokens",
		Protocols:    []string{"example/1", "foo/2"},
		Lines: []site.Line{
			{Tool: "wye", Text: `echo hello | wye connect --token example/1 http://HOST/`},
			{Tool: "nc", Text: `printf 'GET /index.html HTTP/1.1\r\nHost: HOST\r\nConnection: upgrade\r\nUpgrade: example/1, foo/2\r\n\r\nhello\n' | nc NAME PORT`},
		},
	}
	aboutData = site.Endpoint{
		Paths: []string{"/api/data"},
		Text:  "Plain HTTP beside all that.",
		Lines: []site.Line{{Tool: "curl", Text: "curl http://HOST/api/data"}},
	}
	aboutReady = site.Endpoint{
		Paths: []string{"/readyz"},
		Text:  "For load balancers: 200, and 503 while the server drains.",
		Lines: []site.Line{{Tool: "curl", Text: "curl -i http://HOST/readyz"}},
	}
)

// aboutTicket is there only where tokens are.
var aboutTicket = site.Endpoint{
	Paths: []string{"/ticket"},
	Text:  "For pages: a ticket that opens one connection to one path within 30 seconds, for a token.",
	Lines: []site.Line{{Tool: "curl", Text: "curl -X POST -H 'Authorization: Bearer TOKEN' 'http://HOST/ticket?path=/echo'"}},
}

// upgradeLine makes curl send a WebSocket handshake and show the answer.
func upgradeLine(path string) site.Line {
	return site.Line{Tool: "curl", Text: `curl -i -N -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' http://HOST` + path}
}
