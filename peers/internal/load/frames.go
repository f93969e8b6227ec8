package load

import "encoding/binary"

// A counter counts the messages in a stream of frames, masked or not. Control
// frames are none; the last ping is kept.
type counter struct {
	head  []byte // of a frame, not yet whole
	left  uint64 // of the payload
	last  bool   // whether the payload under way ends a message
	inner bool   // whether it is a ping's

	pings int
	ping  []byte // the payload of the last one
}

// count returns how many messages end in p.
func (f *counter) count(p []byte) (messages int) {
	for len(p) > 0 || f.left == 0 && (f.last || f.inner) {
		if f.left > 0 {
			n := min(uint64(len(p)), f.left)
			if f.inner {
				f.ping = append(f.ping, p[:n]...)
			}
			p, f.left = p[n:], f.left-n
			if f.left > 0 {
				return messages
			}
		}
		if f.last || f.inner {
			if f.last {
				messages++
			} else {
				f.pings++
			}
			f.last, f.inner = false, false
			continue
		}
		h := p
		if len(f.head) > 0 {
			h = append(f.head, p[:min(len(p), 14)]...)
		}
		size, payload := frameHead(h)
		if size == 0 {
			f.head = append(f.head[:0], h...)
			return messages
		}
		p = p[size-len(f.head):]
		f.head = f.head[:0]
		f.left = payload
		f.last = h[0]&0x80 != 0 && h[0]&0x08 == 0
		if f.inner = h[0]&0x0f == opPing; f.inner {
			f.ping = f.ping[:0]
		}
	}
	return messages
}

// The opcodes that matter here, RFC 6455 §5.2.
const (
	opText   = 0x1
	opBinary = 0x2
	opPing   = 0x9
	opPong   = 0xa
)

// frameHead returns the length of the head of a frame, 0 if h has not all of it,
// and that of its payload.
func frameHead(h []byte) (size int, payload uint64) {
	if len(h) < 2 {
		return 0, 0
	}
	size, payload = 2, uint64(h[1]&0x7f)
	switch payload {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	if len(h) < size {
		return 0, 0
	}
	switch size {
	case 4:
		payload = uint64(binary.BigEndian.Uint16(h[2:]))
	case 10:
		payload = binary.BigEndian.Uint64(h[2:])
	}
	if h[1]&0x80 != 0 {
		size += 4
	}
	if len(h) < size {
		return 0, 0
	}
	return size, payload
}

// key masks all frames. A server cannot know that it is always the same.
var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendFrame appends a masked frame whose first byte is first.
func appendFrame(dst []byte, first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, first, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, first, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	dst = append(dst, key[:]...)
	for i, b := range payload {
		dst = append(dst, b^key[i&3])
	}
	return dst
}
