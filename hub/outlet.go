package hub

import "context"

// An Outlet is the way to a client: its connection. The hub sends batches, one
// at a time, each in order. Package hubws has one for a WebSocket.
type Outlet interface {
	// TrySend sends as much of the batch as can be sent without waiting, and
	// returns how many messages that were. An outlet that cannot send without
	// waiting returns 0 and nil: then the hub calls Send on a goroutine that
	// it starts for the purpose. The batch is valid until TrySend returns.
	TrySend(batch []*Message) (n int, err error)

	// Send waits, until ctx ends, until messages can be sent, and sends the
	// first n of them, at least one. After an error of either the hub sends
	// no more.
	Send(ctx context.Context, batch []*Message) (n int, err error)

	// Close is called if it is the hub that ends the connection, with
	// [ErrSlow], [ErrLost], [ErrClosed] or a [*DisconnectError]; or with what TrySend or Send has
	// returned. It may take the time that a goodbye takes. The client has
	// left its channels then.
	Close(why error)
}

// A Readier is an Outlet that waits without a batch: the hub calls Ready before it
// takes what Send is called with, so that all that waits is still subject to the
// namespace's [Slow] policy, and what is sent is not older than it need be.
type Readier interface {
	// Ready waits, until ctx ends, until Send would not wait. After an error
	// the hub sends no more.
	Ready(ctx context.Context) error
}
