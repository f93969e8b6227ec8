// Package wye is the HTTP Upgrade mechanism of RFC 9110 section 7.8, on both
// ends: one connection parts into another protocol, and this package owns that
// moment.
//
// A server offers protocols by upgrade token. [Switch] is an [http.Handler]
// that picks the first token of the client's list that it has, asks its
// [Protocol] to judge the request, answers 101 and hands the connection over;
// everything else goes to its fallback. [Accept] is that last step alone, for a
// handler that has already decided.
//
// A client offers tokens with [Dial], and gets a [Conn] or, as a
// [*RefusedError], the ordinary response of a server that did not switch.
//
// After the switch a [Conn] is a two-way pipe. [Splice] joins two of them, for
// a proxy. Each one that a server accepts belongs to a [Group], because
// [http.Server.Shutdown] forgets hijacked connections: [Shutdown] does not.
//
// This package knows nothing of what is switched to. WebSocket is in package
// websocket.
package wye
