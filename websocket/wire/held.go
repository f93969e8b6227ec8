package wire

// Held returns how many bytes the Receiver holds between two turns: of an
// incomplete message, frame header or control frame.
func (r *Receiver) Held() int { return len(r.msg) + len(r.kept) }
