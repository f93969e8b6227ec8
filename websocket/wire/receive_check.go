package wire

// check judges a header by itself and by what came before it.
func (r *Receiver) check(h Header) *Violation {
	if h.RSV != 0 {
		if bad := r.checkReserved(h); bad != nil {
			return bad
		}
	}
	switch {
	case h.Masked && r.opt.Client:
		// "A client MUST close a connection if it detects a masked frame."
		// RFC 6455 §5.1.
		return errMasked
	case !h.Masked && !r.opt.Client:
		// "The server MUST close the connection upon receiving a frame that
		// is not masked." RFC 6455 §5.1.
		return errUnmasked
	case h.Op.reserved():
		// "If an unknown opcode is received, the receiving endpoint MUST
		// _Fail the WebSocket Connection_." RFC 6455 §5.2.
		return errOpcode
	case h.Op.Control():
		return checkControl(h)
	}
	return r.checkData(h)
}

// compressed is RSV1, which RFC 7692 §6 calls the "Per-Message Compressed" bit.
const compressed = 4

// checkReserved judges reserved bits that are set.
func (r *Receiver) checkReserved(h Header) *Violation {
	switch {
	case h.RSV != compressed || r.inflation == nil:
		// "MUST be 0 unless an extension is negotiated that defines meanings
		// for non-zero values." RFC 6455 §5.2.
		return errReserved
	case h.Op == OpContinuation || h.Op.Control():
		// "An endpoint MUST NOT set the "Per-Message Compressed" bit of
		// control frames and non-first fragments of a data message. An
		// endpoint receiving such a frame MUST _Fail the WebSocket
		// Connection_." RFC 7692 §6.1.
		return errCompressed
	}
	return nil
}

// checkControl judges the header of a control frame: "All control frames MUST
// have a payload length of 125 bytes or less and MUST NOT be fragmented."
// RFC 6455 §5.5.
func checkControl(h Header) *Violation {
	switch {
	case !h.Fin:
		return errCtlFrag
	case h.Len > MaxControl:
		return errCtlLong
	}
	return nil
}

// checkData judges the header of a data frame by the message in progress. A
// length that passes fits an int.
func (r *Receiver) checkData(h Header) *Violation {
	inside := r.op != OpContinuation
	switch {
	case h.Op == OpContinuation && !inside:
		return errNoMessage
	case h.Op != OpContinuation && inside:
		// "The fragments of one message MUST NOT be interleaved between the
		// fragments of another message". RFC 6455 §5.4.
		return errInterleave
	case h.Len > uint64(r.opt.maxWire(r.zipped || h.RSV != 0)-r.size):
		// "…MUST protect themselves against exceeding those limits."
		// RFC 6455 §10.4.
		return errTooBig
	case r.frames >= r.opt.maxFragments():
		return errTooMany
	}
	return nil
}
