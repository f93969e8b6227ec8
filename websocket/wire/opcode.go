package wire

import "strconv"

// Opcode says what a frame carries. RFC 6455 §5.2 and §11.8.
type Opcode uint8

// The opcodes that RFC 6455 defines. All others are reserved.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xa
)

// Control reports whether o is in the range of control frames, reserved ones
// included. "Control frames are identified by opcodes where the most
// significant bit of the opcode is 1." RFC 6455 §5.5.
func (o Opcode) Control() bool { return o&0x8 != 0 }

// String returns the opcode's name in lower case, such as "text".
func (o Opcode) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return "reserved opcode " + strconv.Itoa(int(o))
}

// reserved reports whether no RFC gives o a meaning.
func (o Opcode) reserved() bool {
	return o > OpPong || o > OpBinary && o < OpClose
}

// message reports whether o begins a message.
func (o Opcode) message() bool { return o == OpText || o == OpBinary }
