package conform

import (
	"encoding/binary"
	"fmt"
)

// The opcodes of RFC 6455 §5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// The reserved bits as they stand in a frame's first byte.
const (
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10
)

// Masking says whether a frame that the suite sends is masked.
type Masking uint8

const (
	// MaskByRole masks when the suite is the client, and only then.
	MaskByRole Masking = iota
	// MaskWrong does the opposite, which RFC 6455 §5.1 forbids.
	MaskWrong
)

// LengthForm says how a frame's payload length is written.
type LengthForm uint8

const (
	// LengthMinimal is the only form that RFC 6455 §5.2 allows.
	LengthMinimal LengthForm = iota
	// Length16 uses the 16-bit form whatever the length.
	Length16
	// Length64 uses the 64-bit form whatever the length.
	Length64
)

// A Frame is one frame that the suite sends. Any bits can be set: most cases
// exist to send what a correct endpoint never would.
type Frame struct {
	More    bool // FIN is clear: the message goes on
	RSV     byte // reserved bits, in place (0x40, 0x20, 0x10)
	Op      byte // 0x0 to 0xF
	Payload []byte
	Mask    Masking
	Form    LengthForm
	// Claim, if not zero, is written as a 64-bit length in place of the
	// payload's own.
	Claim uint64
}

// appendHead appends the frame's head, its masking key included.
func appendHead(dst []byte, f Frame, masked bool, key [4]byte) []byte {
	b0 := f.RSV | f.Op
	if !f.More {
		b0 |= 0x80
	}
	var mask byte
	if masked {
		mask = 0x80
	}
	n := uint64(len(f.Payload))
	switch {
	case f.Claim != 0:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, mask|127), f.Claim)
	case f.Form == Length64 || f.Form == LengthMinimal && n > 0xFFFF:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, mask|127), n)
	case f.Form == Length16 || n > 125:
		dst = binary.BigEndian.AppendUint16(append(dst, b0, mask|126), uint16(n))
	default:
		dst = append(dst, b0, mask|byte(n))
	}
	if masked {
		dst = append(dst, key[:]...)
	}
	return dst
}

// appendFrame appends the whole frame; key is used where it is masked.
func appendFrame(dst []byte, f Frame, masked bool, key [4]byte) []byte {
	dst = appendHead(dst, f, masked, key)
	at := len(dst)
	dst = append(dst, f.Payload...)
	if masked {
		maskBytes(dst[at:], key, 0)
	}
	return dst
}

// maskBytes masks or unmasks p, whose first byte is at offset in its frame.
func maskBytes(p []byte, key [4]byte, offset int) {
	for i := range p {
		p[i] ^= key[(offset+i)&3]
	}
}

// A header is the head of a received frame.
type header struct {
	fin     bool
	rsv     byte
	op      byte
	masked  bool
	key     [4]byte
	length  uint64
	minimal bool // the length is in its shortest form
}

// parseHeader reads a frame's head from the front of b and says how many bytes
// it took; zero means that more are needed.
func parseHeader(b []byte) (h header, n int) {
	if len(b) < 2 {
		return h, 0
	}
	h.fin = b[0]&0x80 != 0
	h.rsv = b[0] & 0x70
	h.op = b[0] & 0x0F
	h.masked = b[1]&0x80 != 0
	h.minimal = true
	n = 2
	switch l := b[1] & 0x7F; l {
	case 126:
		if len(b) < 4 {
			return h, 0
		}
		h.length = uint64(binary.BigEndian.Uint16(b[2:]))
		h.minimal = h.length > 125
		n = 4
	case 127:
		if len(b) < 10 {
			return h, 0
		}
		h.length = binary.BigEndian.Uint64(b[2:])
		h.minimal = h.length > 0xFFFF
		n = 10
	default:
		h.length = uint64(l)
	}
	if h.masked {
		if len(b) < n+4 {
			return h, 0
		}
		copy(h.key[:], b[n:])
		n += 4
	}
	return h, n
}

func isControl(op byte) bool { return op&0x8 != 0 }

// opName is the RFC's word for an opcode.
func opName(op byte) string {
	switch op {
	case opContinuation:
		return "continuation"
	case opText:
		return "text"
	case opBinary:
		return "binary"
	case opClose:
		return "close"
	case opPing:
		return "ping"
	case opPong:
		return "pong"
	}
	return fmt.Sprintf("opcode 0x%X", op)
}

// closePayload is the body of a Close frame: a status code and a reason.
func closePayload(code int, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}
