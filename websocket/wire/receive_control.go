package wire

import "encoding/binary"

// control reports a whole control frame.
func (r *Receiver) control(op Opcode, p []byte) Event {
	switch op {
	case OpPing:
		return Event{Kind: Ping, Data: p}
	case OpPong:
		return Event{Kind: Pong, Data: p}
	}
	return r.close(p)
}

// close reports a Close frame, after which the peer sends nothing that counts.
// RFC 6455 §5.5.1.
func (r *Receiver) close(p []byte) Event {
	if len(p) == 0 {
		// "If this Close control frame contains no status code, _The
		// WebSocket Connection Close Code_ is considered to be 1005."
		// RFC 6455 §7.1.5.
		r.enter(discarding)
		return Event{Kind: Close, Code: StatusNoStatusRcvd}
	}
	if len(p) == 1 {
		return r.fail(errCloseShort)
	}
	code, reason := StatusCode(binary.BigEndian.Uint16(p)), p[2:]
	switch {
	case !code.Valid():
		return r.fail(errCloseCode)
	case !ValidText(reason):
		return r.fail(errCloseText)
	}
	r.enter(discarding)
	return Event{Kind: Close, Code: code, Data: reason}
}
