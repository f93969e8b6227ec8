package websocket

import "github.com/wye-org/wye/websocket/wire"

// MessageType says whether a message is text or binary. RFC 6455 section 5.6.
type MessageType uint8

// The types of messages. The values are the opcodes of RFC 6455 section 11.8.
const (
	MessageText   MessageType = 1 // UTF-8, which is checked when received
	MessageBinary MessageType = 2
)

// String returns "text" or "binary".
func (t MessageType) String() string { return wire.Opcode(t).String() }

// Prepared is a message that was framed once and can be sent to many
// connections, also at the same time: see [Conn.WritePrepared].
type Prepared struct {
	frame *wire.Prepared
}

// Prepare frames a message. It keeps nothing of p. A text must be valid UTF-8.
func Prepare(typ MessageType, p []byte) *Prepared {
	return &Prepared{wire.Prepare(wire.Opcode(typ), p)}
}

// Type returns the message's type.
func (p *Prepared) Type() MessageType { return MessageType(p.frame.Op()) }

// Payload returns the message, which must not be changed.
func (p *Prepared) Payload() []byte { return p.frame.Payload() }
