package wire

import "encoding/binary"

const (
	// MaxHeader is the length of the longest frame header: two bytes, eight
	// of length, four of masking key.
	MaxHeader = 14

	// MaxControl is the longest payload of a control frame. "All control
	// frames MUST have a payload length of 125 bytes or less." RFC 6455 §5.5.
	MaxControl = 125
)

// Header is a frame header, RFC 6455 §5.2.
type Header struct {
	Fin    bool   // the message's last frame
	RSV    uint8  // the three reserved bits, RSV1 being 4
	Op     Opcode // four bits
	Masked bool   // the payload is masked, with Key
	Key    uint32 // masking key, its first byte lowest, as [Mask] takes it
	Len    uint64 // of the payload, below 1<<63
}

// ParseHeader reads the header at the start of b and returns how many bytes it
// takes. n == 0 with no violation means that more bytes are needed, of which a
// header takes [MaxHeader] at most.
//
// It refuses only what is no header at all; what a header may say depends on
// the connection and is the Receiver's to judge.
func ParseHeader(b []byte) (h Header, n int, bad *Violation) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	h = Header{
		Fin:    b[0]&0x80 != 0,
		RSV:    b[0] >> 4 & 7,
		Op:     Opcode(b[0] & 15),
		Masked: b[1]&0x80 != 0,
		Len:    uint64(b[1] & 0x7f),
	}
	n = 2
	switch h.Len {
	case 126:
		if len(b) < 4 {
			return Header{}, 0, nil
		}
		h.Len, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
		// "…in all cases, the minimal number of bytes MUST be used to encode
		// the length…" RFC 6455 §5.2.
		if h.Len < 126 {
			return Header{}, 0, errLongForm
		}
	case 127:
		if len(b) < 10 {
			return Header{}, 0, nil
		}
		h.Len, n = binary.BigEndian.Uint64(b[2:]), 10
		if h.Len < 1<<16 {
			return Header{}, 0, errLongForm
		}
		// "…a 64-bit unsigned integer (the most significant bit MUST be 0)…"
		// RFC 6455 §5.2.
		if h.Len>>63 != 0 {
			return Header{}, 0, errTopBit
		}
	}
	if h.Masked {
		if len(b) < n+4 {
			return Header{}, 0, nil
		}
		h.Key = binary.LittleEndian.Uint32(b[n:])
		n += 4
	}
	return h, n, nil
}

// AppendHeader appends h in its shortest form, the only one that RFC 6455 §5.2
// allows. Bits that a field has no room for on the wire are dropped; a Key is
// appended only if h is Masked.
func AppendHeader(dst []byte, h Header) []byte {
	b0, b1 := h.RSV&7<<4|byte(h.Op&15), byte(0)
	if h.Fin {
		b0 |= 0x80
	}
	if h.Masked {
		b1 = 0x80
	}
	switch {
	case h.Len < 126:
		dst = append(dst, b0, b1|byte(h.Len))
	case h.Len < 1<<16:
		dst = append(dst, b0, b1|126, byte(h.Len>>8), byte(h.Len))
	default:
		dst = append(dst, b0, b1|127)
		dst = binary.BigEndian.AppendUint64(dst, h.Len&^(1<<63))
	}
	if h.Masked {
		dst = binary.LittleEndian.AppendUint32(dst, h.Key)
	}
	return dst
}
