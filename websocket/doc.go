// Package websocket is WebSocket, RFC 6455, over the connections that package
// wye switches.
//
// A server's handler calls [Accept], or is a [Handler]; a client calls [Dial];
// a test can have both ends from [Pipe]. All give the same [Conn]:
//
//	for {
//		typ, p, err := c.Read(ctx)
//		if err != nil {
//			return err // a *CloseError: who ended the connection, and why
//		}
//		if err := c.Write(ctx, typ, p); err != nil {
//			return err
//		}
//	}
//
// # What a Conn does by itself
//
// It answers pings and closes, also while nobody reads: then up to 64 KiB are
// read ahead. It sends a ping after 20 seconds of silence and gives the peer up
// if nothing comes for 20 seconds more. It takes part in the draining of its
// [wye.Group]. Writes may be concurrent; what they queue goes out in one send.
//
// # Safe by default
//
// [Accept] refuses pages of other origins. Messages, fragments, queues and waits
// are bounded: see [Options]. No order of calls makes this package panic, and a
// peer can make it fail the connection and nothing else.
//
// Frames and their rules are in package wire, which does no I/O; this package
// parses none.
package websocket
