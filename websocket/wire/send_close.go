package wire

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// A CodeError is a status code that may not be sent in a Close frame.
type CodeError struct{ Code StatusCode }

// Error names the code and the rule.
func (e *CodeError) Error() string {
	return "websocket: status code " + strconv.Itoa(int(e.Code)) + " may not be sent in a Close frame (RFC 6455 §7.4)"
}

// Close owes the peer a Close frame and reports whether it does: not if one
// was sent or is owed already. code must be [StatusCode.Valid], or 0 for a
// Close without code or reason; if not, the error is a *CodeError and nothing
// has changed. What is no UTF-8 in reason is replaced, and what does not fit
// in 123 bytes is cut off. A message begun in fragments need not be ended.
func (s *Sender) Close(code StatusCode, reason string, now Instant) (bool, error) {
	if !code.Valid() && code != 0 {
		return false, &CodeError{code}
	}
	if s.state != Open {
		return false, nil
	}
	s.turn(Closing, code, reason, now)
	return true, nil
}

// turn changes the state; nothing else does. Whoever leaves Open owes a Close,
// the only one of the connection.
func (s *Sender) turn(to SendState, code StatusCode, reason string, now Instant) {
	if s.state == Open {
		// What was asked of the peer no longer matters; what it asked does.
		s.owed = s.owed&owePong | oweClose
		s.code, s.reason, s.since = code, cut(reason), now
		s.ping = nil
		if s.deflation != nil {
			s.deflation.window = nil // there will be no message
		}
	}
	s.state = to
}

// maxReason is what the status code leaves of a Close frame's payload.
const maxReason = MaxControl - 2

// cut returns reason as UTF-8 that fits into a Close frame, whole code points
// only.
func cut(reason string) string {
	if len(reason) > maxReason {
		n := maxReason
		for n > 0 && reason[n]&0xc0 == 0x80 {
			n--
		}
		reason = reason[:n]
	}
	reason = strings.ToValidUTF8(reason, "?") // not longer than what it replaces
	return reason
}

// appendClose appends the Close that is owed.
func (s *Sender) appendClose(dst []byte) []byte {
	var p [MaxControl]byte
	n := 0
	// "If there is a body, the first two bytes of the body MUST be a 2-byte
	// unsigned integer (in network byte order) representing a status code".
	// RFC 6455 §5.5.1. Without a code there is no body.
	if s.code.Valid() {
		binary.BigEndian.PutUint16(p[:], uint16(s.code))
		n = 2 + copy(p[2:], s.reason)
	}
	s.reason = ""
	return s.appendFrame(dst, Header{Fin: true, Op: OpClose}, p[:n])
}
