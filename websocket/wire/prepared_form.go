package wire

// A Form is how a Sender frames prepared messages. Senders of the same Form
// append the same bytes, so these can be sent as they are, from memory that all
// of them share. The zero Form is uncompressed.
type Form struct {
	bits, level uint8
	threshold   int
}

// Form returns the form of the messages that s may begin now; while none may
// begin it says nothing. ok is false if s has none: a client masks each frame with
// a key of its own, and who takes over has to note what was sent.
func (s *Sender) Form() (f Form, ok bool) {
	z := s.deflation
	switch {
	case s.options().Client:
		return Form{}, false
	case z == nil || s.Plain:
		return Form{}, true
	}
	return Form{z.bits, z.level, z.threshold}, !z.takeover
}

// Frame returns what [Sender.AppendPrepared] of a Sender of the form f appends. It
// must not be changed.
func (p *Prepared) Frame(f Form) []byte {
	if f.bits != 0 && len(p.frame)-p.head >= f.threshold {
		if z := p.compressed(f.bits, f.level); z.frame != nil {
			return z.frame[:len(z.frame):len(z.frame)]
		}
	}
	return p.frame[:len(p.frame):len(p.frame)]
}
