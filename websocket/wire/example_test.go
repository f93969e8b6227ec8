package wire_test

import (
	"fmt"

	"github.com/wye-org/wye/websocket/wire"
)

// A server that echoes, without a socket: what a client sent goes in, and what
// to send it comes out.
func Example() {
	client := wire.NewSender(&wire.Options{Client: true})
	fromClient, _ := client.AppendMessage(nil, wire.OpText, []byte("Hello"))
	client.Close(wire.StatusNormalClosure, "that is all", 0)
	fromClient = client.AppendReplies(fromClient, 0)

	in, out := wire.NewReceiver(nil), wire.NewSender(nil)
	var toClient []byte
	in.Received(copy(in.Space(make([]byte, 4096)), fromClient))
	for ev := in.Next(); ev.Kind != wire.None; ev = in.Next() {
		out.Apply(ev, 0)
		switch ev.Kind {
		case wire.Message:
			toClient, _ = out.AppendMessage(toClient, ev.Op, ev.Data)
		case wire.Close:
			fmt.Printf("closed: %v, %q\n", ev.Code, ev.Data)
		}
	}
	toClient = out.AppendReplies(toClient, 0)
	fmt.Printf("%q\n", toClient)
	// Output:
	// closed: normal closure, "that is all"
	// "\x81\x05Hello\x88\x02\x03\xe8"
}
