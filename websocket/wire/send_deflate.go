package wire

import (
	"sync"

	"github.com/wye-org/wye/websocket/wire/internal/deflate"
)

// deflation is what a Sender knows of permessage-deflate: what was agreed of its
// messages, and, if they may refer to earlier ones, the window.
type deflation struct {
	bits      uint8 // how far back a message may refer
	kept      uint8 // and how far into earlier messages, at most bits
	level     uint8
	takeover  bool
	zipping   bool // the fragmented message in progress is compressed
	threshold int
	window    []byte // what the next message may refer to, or the next fragment
}

// deflaters are shared by all Senders, which hold one only within a call.
var deflaters = sync.Pool{New: func() any { return new(deflate.Deflater) }}

// appendCompressed appends what [deflate.Deflater.Append] does.
func appendCompressed(dst, p, window []byte, bits, level uint8) []byte {
	codec := deflaters.Get().(*deflate.Deflater)
	dst = codec.Append(dst, p, window, 1<<bits, int(level))
	deflaters.Put(codec)
	return dst
}

// syncTail is what the payload of a compressed message lacks at its end: "Remove
// 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end." Before a further
// fragment, "the removal of 0x00 0x00 0xff 0xff MUST NOT be done". RFC 7692
// §7.2.1.
const syncTail = "\x00\x00\xff\xff"

// Agree says what was agreed of permessage-deflate, before the first message. It
// counts once; the zero Agreed says nothing.
func (s *Sender) Agree(a Agreed) {
	if !a.InUse || s.deflation != nil {
		return
	}
	bits, reset := a.ServerBits, a.ServerNoTakeover
	if s.options().Client {
		bits, reset = a.ClientBits, a.ClientNoTakeover
	}
	bits = min(bitsOr(bits, maxBits), bitsOr(a.sendBits, maxBits))
	s.deflation = &deflation{
		bits:      uint8(bits),
		kept:      uint8(min(bits, bitsOr(a.keptBits, maxBits))),
		level:     uint8(max(a.level, 1)),
		takeover:  !reset && !a.sendNoTakeover,
		threshold: a.threshold,
	}
}

// compresses reports whether a message that begins now, with n bytes, is to be
// compressed: which is decided for each message, RFC 7692 §6.
func (s *Sender) compresses(n int) bool {
	return s.deflation != nil && !s.Plain && n >= s.deflation.threshold
}

// appendMessage appends a message of one frame, compressed if that is shorter.
func (s *Sender) appendMessage(dst []byte, op Opcode, p []byte) []byte {
	h := Header{Fin: true, Op: op}
	if s.compresses(len(p)) {
		z, at := s.deflation, len(dst)
		dst = appendCompressed(s.appendHole(dst), p, z.window, z.bits, z.level)
		if len(dst)-at-MaxHeader < len(p) {
			z.sent(p, true)
			h.RSV = compressed
			return s.fillHole(dst, at, h)
		}
		// The peer does not see it as part of the window, nor do we.
		dst = dst[:at]
	}
	return s.appendFrame(dst, h, p)
}

// appendPart appends the next frame of a fragmented message. It is compressed if
// the message's first frame is.
func (s *Sender) appendPart(dst []byte, h Header, p []byte) []byte {
	first := h.Op != OpContinuation
	if first && s.compresses(len(p)) {
		s.deflation.zipping = true
		h.RSV = compressed
	}
	z := s.deflation
	if z == nil || !z.zipping {
		return s.appendFrame(dst, h, p)
	}
	at := len(dst)
	dst = s.appendHole(dst)
	if len(p) > 0 || h.Fin {
		// Of nothing there is a block, too: "the last fragment with the FIN
		// bit set to 1 and the payload set to the DEFLATE block(s)". RFC 7692
		// §7.2.3.6.
		dst = appendCompressed(dst, p, z.window, z.bits, z.level)
		if !h.Fin {
			dst = append(dst, syncTail...)
		}
	}
	z.sent(p, h.Fin)
	z.zipping = !h.Fin
	return s.fillHole(dst, at, h)
}

// sent keeps p, which was sent compressed, for what may refer to it. "If the
// "agreed parameters" contain the "server_no_context_takeover" extension
// parameter, the server MUST start compressing each new message with an empty
// LZ77 sliding window." RFC 7692 §7.2.1; and likewise the client.
func (z *deflation) sent(p []byte, last bool) {
	switch {
	case z.takeover || !last:
		z.window = deflate.Slide(z.window, p, 1<<z.kept)
	default:
		z.window = nil
	}
}

// appendHole leaves room for a header, whose payload comes first.
func (s *Sender) appendHole(dst []byte) []byte {
	var hole [MaxHeader]byte
	return append(dst, hole[:]...)
}

// fillHole turns what was appended from at on, a hole and a payload, into the
// frame that h begins.
func (s *Sender) fillHole(dst []byte, at int, h Header) []byte {
	payload := dst[at+MaxHeader:]
	h.Len = uint64(len(payload))
	if s.options().Client {
		h.Masked, h.Key = true, s.maskKey()
		Mask(payload, h.Key)
	}
	n := len(AppendHeader(dst[:at], h)) // within the hole
	n += copy(dst[n:], payload)
	return dst[:n]
}
