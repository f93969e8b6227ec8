// Package h2 opens WebSockets, and whatever else has an upgrade token, over
// HTTP/2: the extended CONNECT of RFC 8441, of which each makes one stream of a
// connection that they share.
//
// A [Transport] is a carrier for Dial:
//
//	var transport h2.Transport
//	c, _, err := websocket.Dial(ctx, "wss://example.com/chat", &websocket.DialOptions{
//		Carriers: []wye.Carrier{&transport, wye.HTTP1{}},
//	})
//
// The server side needs no package of its own: websocket.Accept and wye.Accept
// take an extended CONNECT as they take a GET. But net/http has to announce it:
// see package announce.
//
// Of golang.org/x/net/http2 only Framer is used, and hpack.
package h2
