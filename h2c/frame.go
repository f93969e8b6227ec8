package h2c

import "encoding/binary"

// preface is what a client's side of an HTTP/2 connection begins with. RFC 9113
// §3.4.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frameHead is the length of what stands before a frame's payload.
const frameHead = 9

// maxPayload is what a frame may have without being allowed more. RFC 9113 §4.2.
const maxPayload = 1 << 14

type frameType uint8

const (
	frameHeaders      frameType = 1
	frameSettings     frameType = 4
	frameContinuation frameType = 9
)

// Flags of frames.
const (
	flagEndStream  = 0x1 // of HEADERS
	flagEndHeaders = 0x4
)

// header is a frame without its payload. RFC 9113 §4.1.
type header struct {
	length int
	typ    frameType
	flags  uint8
	stream uint32
}

// parseHeader reads b, which has frameHead bytes.
func parseHeader(b []byte) header {
	return header{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		typ:    frameType(b[3]),
		flags:  b[4],
		stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31), // the reserved bit
	}
}

func appendHeader(dst []byte, h header) []byte {
	dst = append(dst, byte(h.length>>16), byte(h.length>>8), byte(h.length), byte(h.typ), h.flags)
	return binary.BigEndian.AppendUint32(dst, h.stream)
}
