// Package handoff gives a connection back to HTTP in another form: to an
// [http.Server] after an upgrade to what is HTTP again (h2c, TLS), and to an
// [http.Transport] at the client's end.
//
// Either way HTTP begins at a message that was exchanged before the switch. The
// server's end replays the request to the server; the client's end swallows it
// when the transport sends it once more.
package handoff
