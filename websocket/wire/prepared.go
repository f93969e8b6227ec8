package wire

import (
	"sync"
	"sync/atomic"
)

// Prepared is a message framed once and sent to many. It does not change, so
// any number of Senders may append it at the same time.
//
// It also keeps what it becomes compressed: once for each size of window that a
// Sender has agreed on, made by the first that asks for it. That form refers to
// nothing before the message, so it is the same for all, and right for those that
// take over, too: a message may refer to earlier ones, but need not.
type Prepared struct {
	op    Opcode
	head  int    // length of the header in frame
	frame []byte // unmasked, as a server sends it
	forms [maxBits - minBits + 1]atomic.Pointer[form]
}

// form is a Prepared's frame compressed for one size of window.
type form struct {
	once  sync.Once // makes it
	head  int
	frame []byte // nil: it is no shorter than uncompressed
}

// Prepare frames a message of op, OpText or OpBinary, whose payload p it
// copies. A text must be valid UTF-8: see [ValidText].
func Prepare(op Opcode, p []byte) *Prepared {
	frame := make([]byte, 0, MaxHeader-4+len(p))
	frame = AppendHeader(frame, Header{Fin: true, Op: op, Len: uint64(len(p))})
	return &Prepared{op: op, head: len(frame), frame: append(frame, p...)}
}

// Op returns the message's opcode.
func (p *Prepared) Op() Opcode { return p.op }

// Payload returns the message's payload, which is shared and must not be
// changed.
func (p *Prepared) Payload() []byte { return p.frame[p.head:len(p.frame):len(p.frame)] }

// AppendPrepared appends p as [Sender.AppendMessage] does. A server copies the
// frame as it is; a client masks the payload anew: "When preparing a masked
// frame, the client MUST pick a fresh masking key", RFC 6455 §5.3.
func (s *Sender) AppendPrepared(dst []byte, p *Prepared) ([]byte, error) {
	if p == nil {
		return dst, ErrOpcode
	}
	if err := s.mayBegin(p.op); err != nil {
		return dst, err
	}
	h, head, frame := Header{Fin: true, Op: p.op}, p.head, p.frame
	if s.compresses(len(frame) - head) {
		z := s.deflation
		if f := p.compressed(z.bits, z.level); f.frame != nil {
			h.RSV, head, frame = compressed, f.head, f.frame
			z.sent(p.Payload(), true)
		}
	}
	if s.options().Client {
		return s.appendFrame(dst, h, frame[head:]), nil
	}
	return append(dst, frame...), nil
}

// compressed returns p's form for a window of bits, which it makes if it is the
// first.
func (p *Prepared) compressed(bits, level uint8) *form {
	slot := &p.forms[bits-minBits]
	f := slot.Load()
	if f == nil {
		if f = new(form); !slot.CompareAndSwap(nil, f) {
			f = slot.Load()
		}
	}
	f.once.Do(func() { f.make(p, bits, level) })
	return f
}

func (f *form) make(p *Prepared, bits, level uint8) {
	var server Sender
	frame := appendCompressed(server.appendHole(nil), p.Payload(), nil, bits, level)
	if n := len(frame) - MaxHeader; n < len(p.Payload()) {
		h := Header{Fin: true, RSV: compressed, Op: p.op, Len: uint64(n)}
		f.head = len(AppendHeader(nil, h))
		frame = server.fillHole(frame, 0, h)
		f.frame = append(make([]byte, 0, len(frame)), frame...)
	}
}
