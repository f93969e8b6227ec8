package wire

// Prepared is a message framed once and sent to many. It does not change, so
// any number of Senders may append it at the same time.
//
// It is also where the message's compressed forms will be kept, one for each
// set of agreed parameters, so that fan-out compresses once.
type Prepared struct {
	op    Opcode
	head  int    // length of the header in frame
	frame []byte // unmasked, as a server sends it
}

// Prepare frames a message of op, OpText or OpBinary, whose payload p it
// copies. A text must be valid UTF-8: see [ValidText].
func Prepare(op Opcode, p []byte) *Prepared {
	frame := make([]byte, 0, MaxHeader-4+len(p))
	frame = AppendHeader(frame, Header{Fin: true, Op: op, Len: uint64(len(p))})
	return &Prepared{op, len(frame), append(frame, p...)}
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
	if s.options().Client {
		return s.appendFrame(dst, Header{Fin: true, Op: p.op}, p.Payload()), nil
	}
	return append(dst, p.frame...), nil
}
