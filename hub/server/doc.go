// Package server has a hub's clients: who connects with an SDK that speaks the
// published client protocol of Centrifugo, version 2 in JSON, and who reads a
// channel as server-sent events. It is compatible with Centrifugo's SDKs for
// JavaScript, Dart, Swift, Java, Python, Go and .NET; the name is theirs.
//
//	h, err := hub.New(hub.Options{Namespaces: …})
//	s, err := server.New(server.Options{Hub: h, Open: []string{"demo"}})
//	mux.Handle("/connection/websocket", s.WebSocket())
//	mux.Handle("GET /sse/{channel}", s.Events())
//
// # Who may do what
//
// A client without a token may use the namespaces that are Open, as these
// themselves say: their MaySubscribe and MayPublish are asked. A token says more:
// which further namespaces, which channels the client is in from the start, or, one
// for a subscription, that it may join one channel. Presence and history are told
// to the members of a channel. Package jwt makes [Tokens] of keys.
//
// # Recovery
//
// In a channel with history a client that comes back within what the history keeps
// gets exactly what it missed, in order, and is told so; otherwise it is told
// that it was not so. The protocol's offsets are the hub's: they grow, but not by
// one. The SDKs store what they are given and compute nothing from it.
package server
