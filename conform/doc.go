// Package conform tests how a WebSocket endpoint, server or client, keeps to
// RFC 6455 and to permessage-deflate of RFC 7692. In a test of one's own:
//
//	func TestMyServer(t *testing.T) {
//		srv := httptest.NewServer(myEchoHandler)
//		defer srv.Close()
//		conform.TestServer(t, "ws"+strings.TrimPrefix(srv.URL, "http"))
//	}
//
// and on the command line: wye conform ws://127.0.0.1:8080/echo. The endpoint
// under test has to echo every message.
//
// # Cases
//
// A [Case] is data: what is sent, cut how, and what is awaited in return, with
// the section of the RFC that asks for it and the reason why it matters. One
// runner plays the other end, client or server, and masks by its role.
//
// The groups 1 to 7, 9, 10, 12 and 13 have the numbers that they have in
// Autobahn|Testsuite, and so have the cases in them whose subject is the same:
// 1.1 and 1.2, 2.1 to 2.11, 3.1 to 3.7, 4.1 and 4.2, 5.1 to 5.20, 6.1 to 6.23,
// 7.1 to 7.13 and 9.1 to 9.8. Their bytes and verdicts are our own; so are the
// messages of groups 12 and 13, and every other id in those groups. The groups
// from 20 on are ours: opening handshakes, negotiation, windows and takeover,
// compressed frames, masking, economy, endings and hostile sizes.
//
// # Verdicts
//
// [Fail] means that a MUST is broken, [Nonstrict] a SHOULD, or the peer's time
// wasted; [Informational] that the RFC leaves the choice free; [Unimplemented]
// that the endpoint declined an option, which a case of compression never
// passes by.
//
// What is judged in one place is tolerated elsewhere where that is possible: a
// server that masks its frames fails the cases on masking, not all of them.
//
// # Independence
//
// The package imports nothing of this repository, so that a mistake of ours
// cannot hide in both: it has its own frames, its own UTF-8 table, deflate
// streams written bit by bit, and an inflater that reports the largest distance
// that a message used, which is the proof that a window is really kept.
package conform
