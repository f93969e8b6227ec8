// Package h3 carries upgraded connections over HTTP/3: an extended CONNECT, RFC
// 9220, in the place of the Upgrade that HTTP/1.1 has. It stands on quic-go, and
// is a module of its own so that nobody has to.
//
// On a client, [Client] is one of the carriers of [wye.DialOptions] and of the
// websocket package's. On a server, [Handler] wraps the handler of an
// http3.Server; what is behind it accepts as it does over HTTP/1.1, with
// [wye.Accept], a [wye.Switch] or the websocket package. [Shutdown] ends an
// http3.Server together with the http.Server beside it.
package h3
