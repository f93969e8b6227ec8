// Package wire is the WebSocket protocol, RFC 6455, and its compression, RFC
// 7692, without input or output: bytes in, events out; bytes appended out.
//
// A [Receiver] takes what a peer sent and reports it as a run of [Event]
// values. A [Sender] appends frames to a slice and knows what this end owes its
// peer: pongs, pings, a Close. The two share no memory, so one goroutine may
// read while others write, with a lock around the Sender alone. Neither has a
// clock, a lock, a goroutine or a socket; time is an argument. A front is what
// moves the bytes:
//
//	n, err := conn.Read(in.Space(scratch))
//	in.Received(n)
//	for ev := in.Next(); ev.Kind != wire.None; ev = in.Next() {
//		out.Apply(ev, now)
//		if ev.Kind == wire.Message {
//			b, _ = out.AppendMessage(b, ev.Op, ev.Data) // an echo
//		}
//	}
//	b = out.AppendReplies(b, now)
//
// # Compression
//
// A [Deflate] says what an endpoint wants of permessage-deflate. In the opening
// handshake a client sends [Deflate.Offer], a server answers by [Deflate.Accept]
// and the client judges the answer with [Deflate.Confirm]. What comes out, an
// [Agreed], goes to both Receiver and Sender, which do the rest.
//
// # Errors
//
// What a peer does wrong is no Go error that must find its way up: it is one
// last event, [Failed], which Apply turns into an owed Close frame and the state
// [Failing]. The Receiver discards all input after it. No sequence of bytes and
// no order of calls makes this package panic.
//
// # Memory
//
// Messages that lie whole in the caller's scratch buffer are reported in place
// and allocate nothing. Those that come in parts are gathered in a buffer that
// grows with what has come, so a header that promises much costs little; the
// rest of a large message is read straight into its place. A Receiver that
// waits holds an incomplete header, control frame or message, and no scratch.
//
// Compressed messages are gathered whole and inflated under the limit of the
// message itself, no byte further. Where both ends agreed to take over, a
// Receiver and a Sender keep a window of plain text each, as long as agreed; what
// compresses and inflates is shared by all, for the time of a call.
//
// # Ownership
//
// Every slice that goes in stays the caller's: nothing is kept of it after the
// call returns, but for the scratch buffer, which is the Receiver's from Space
// until Next returns None. Every slice that comes out says on its own doc
// comment how long it is valid.
package wire
