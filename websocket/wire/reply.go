package wire

// Apply takes note of an event of this connection's Receiver: of a Ping, Pong,
// Close or Failed; others change nothing. now is the moment of the call. It
// keeps nothing of ev.Data.
func (s *Sender) Apply(ev Event, now Instant) {
	switch ev.Kind {
	case Ping:
		s.oweThePong(ev.Data)
	case Pong:
		s.beat.answer(ev.Data, now)
	case Close:
		s.peerClosed(ev.Code, now)
	case Failed:
		s.peerFailed(ev, now)
	}
}

// oweThePong owes an answer to a ping. "Upon receipt of a Ping frame, an
// endpoint MUST send a Pong frame in response, unless it already received a
// Close frame." RFC 6455 §5.5.2. So it does while Closing.
func (s *Sender) oweThePong(payload []byte) {
	if s.state > Closing || len(payload) > MaxControl {
		return
	}
	// "If an endpoint receives a Ping frame and has not yet sent Pong frame(s)
	// in response to previous Ping frame(s), the endpoint MAY elect to send a
	// Pong frame for only the most recently processed Ping frame." §5.5.3.
	// Here it does: a flood of pings costs one buffer of 125 bytes at most.
	s.pong = append(s.pong[:0], payload...)
	s.owed |= owePong
}

// peerClosed notes the peer's Close: the answer to ours, or to be answered.
func (s *Sender) peerClosed(code StatusCode, now Instant) {
	if s.state > Closing {
		return
	}
	// "If an endpoint receives a Close frame and did not previously send a
	// Close frame, the endpoint MUST send a Close frame in response. (When
	// sending a Close frame in response, the endpoint typically echos the
	// status code it received.)" RFC 6455 §5.5.1. No code is echoed by none.
	s.turn(Closed, code, "", now)
}

// peerFailed fails the connection. "…the endpoint SHOULD send a Close frame
// with an appropriate status code (Section 7.4) before proceeding to _Close
// the WebSocket Connection_." RFC 6455 §7.1.7.
func (s *Sender) peerFailed(ev Event, now Instant) {
	if s.state > Closing {
		return
	}
	code, reason := ev.Code, ""
	if !code.Valid() {
		code = StatusProtocolError
	}
	if ev.Why != nil {
		reason = ev.Why.Rule
	}
	s.turn(Failing, code, reason, now)
}

// Ping owes the peer a ping of the application's and reports whether it does:
// not while another such ping is owed, nor when the state is not Open, nor with
// a payload of more than [MaxControl] bytes, of which it keeps a copy. No timer
// is set: the pong is an event of the Receiver.
func (s *Sender) Ping(payload []byte) bool {
	if s.state != Open || s.owed&oweAppPing != 0 || len(payload) > MaxControl {
		return false
	}
	s.ping = append(s.ping[:0], payload...)
	s.owed |= oweAppPing
	return true
}

// AppendReplies appends what is owed: pong, pings, Close. It may go between any
// two frames, also those of a fragmented message: "control frames (see Section
// 5.5) MAY be injected in the middle of a fragmented message", RFC 6455 §5.4.
// now is when it goes out; the wait for a keepalive ping's answer begins then.
func (s *Sender) AppendReplies(dst []byte, now Instant) []byte {
	if s.owed == 0 {
		return dst
	}
	if s.owed&owePong != 0 {
		// "A Pong frame sent in response to a Ping frame must have identical
		// "Application data" as found in the message body of the Ping frame
		// being replied to." RFC 6455 §5.5.3.
		dst = s.appendFrame(dst, Header{Fin: true, Op: OpPong}, s.pong)
	}
	if s.owed&oweAppPing != 0 {
		dst = s.appendFrame(dst, Header{Fin: true, Op: OpPing}, s.ping)
	}
	if s.owed&owePing != 0 {
		payload := s.beat.start(now)
		dst = s.appendFrame(dst, Header{Fin: true, Op: OpPing}, payload[:])
	}
	if s.owed&oweClose != 0 {
		dst = s.appendClose(dst)
	}
	s.owed = 0
	return dst
}
