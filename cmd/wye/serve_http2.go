package main

import (
	"net/http"

	// Browsers then open their WebSockets on the HTTP/2 connection that they
	// have got the page by.
	_ "github.com/wye-org/wye/h2/announce"
)

// streams bounds what a connection of HTTP/2 holds. By default net/http grants a
// stream as much as the whole connection, so that one which is not read would
// hold up all others.
func streams() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          100,
		MaxReceiveBufferPerStream:     64 << 10,
		MaxReceiveBufferPerConnection: 4<<20 - 1, // the most that is possible
	}
}
