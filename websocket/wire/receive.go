package wire

// A Receiver turns what a peer sends into events. It is a value of plain data;
// its methods may be called in any order, but not at the same time. The zero
// value is a server's, with the default Options.
//
// Its reader's turn goes Space, Received, and Next until that returns None.
// Between turns it holds no scratch, and nothing else but an incomplete header,
// control frame or message. After Close or Failed it discards all input.
type Receiver struct {
	// Stream asks for Chunk events as bytes come, instead of whole messages.
	// It may change between any two calls: what was gathered until then comes
	// as a first chunk, and a message that began in chunks ends in them.
	Stream bool

	opt   *Options
	state recvState
	text  Text // of the message in progress, if that is one of text

	// The frame in progress.
	fin  bool   // it is the message's last
	key  uint32 // its masking key, turned to the next byte
	need int    // bytes of it still to come

	// The message in progress.
	op     Opcode // OpContinuation: there is none
	chunks bool   // it comes in chunks
	frames int    // of it so far, the one in progress included
	size   int    // bytes that those frames' headers announced
	msg    []byte // what was gathered of it
	zipped bool   // it is compressed, and so is msg

	inflation *inflation // as was agreed; nil: there is none

	// The input.
	buf     []byte // received, not yet parsed: in scratch, or the tail of msg
	offered bool   // Space lent out what follows buf, which is a copy of kept
	direct  bool   // buf is the tail of msg
	kept    []byte // less than a header or control frame, which waits for more
	early   bool   // kept is more than that: Space was called before Next was done
}

// recvState says what the next byte of input is.
type recvState uint8

// The states of a Receiver. Only [Receiver.enter] changes them.
const (
	atHeader   recvState = iota // the first of a frame; left by the header of a data frame
	inPayload                   // of a data frame, or after its end; left when need is 0
	inflating                   // of the next frame, but the compressed message before it is reported first; left at its end
	discarding                  // of no interest: Close or Failed was reported; never left
)

// enter changes the state; nothing else does.
func (r *Receiver) enter(s recvState) {
	r.state = s
	if s == discarding {
		r.buf, r.kept, r.msg = nil, nil, nil
		r.offered, r.early, r.direct = false, false, false
		r.Release()
		r.inflation = nil
	}
}

// NewReceiver returns a Receiver that awaits the first frame. A nil opt means
// the zero Options.
func NewReceiver(opt *Options) Receiver { return Receiver{opt: opt} }

// MinScratch is how long a scratch buffer for [Receiver.Space] must be at
// least: long enough for any control frame. One that holds several kilobytes
// takes more frames with each read.
const MinScratch = 256

// A large message is read straight into its own buffer while directMin bytes of
// its frame are missing: below that, sharing a read with the next frames is
// cheaper. directCome bytes of it must have come, so that the buffer is worth
// reading into; see reserve.
const (
	directMin  = 32 << 10
	directCome = 1 << 10
)

// Space returns where to put the next input, never empty: what scratch has
// room for, or where the rest of a large message belongs. A scratch shorter
// than [MinScratch] is passed over for a buffer that is made.
//
// Once bytes were Received in it, scratch is the Receiver's until Next returns
// None; meanwhile events lie in it. An offer that nothing was Received in ends
// with the next Space or Next, scratch is the caller's again, and what had come
// before is kept.
func (r *Receiver) Space(scratch []byte) []byte {
	if r.opt == nil {
		r.opt = &defaults
	}
	r.Release()
	r.early = r.early || r.Buffered() > 0
	r.park()
	r.offered = true
	r.direct = r.state == inPayload && r.need >= directMin && len(r.msg) >= directCome && len(r.kept) == 0
	if r.direct {
		r.reserve(directCome, len(r.msg))
		at := len(r.msg)
		r.buf = r.msg[at:at:min(cap(r.msg), at+r.need)]
		return r.buf[:cap(r.buf)]
	}
	if len(scratch) < MinScratch || len(scratch) <= len(r.kept) {
		scratch = make([]byte, MinScratch+len(r.kept))
	}
	n := copy(scratch, r.kept)
	r.buf = scratch[:n:len(scratch)]
	return scratch[n:]
}

// Received says that n bytes were put into what Space returned, from its start.
// If that is none, the Receiver lets go of the scratch at once. It counts only
// right after Space.
func (r *Receiver) Received(n int) {
	if !r.offered {
		return
	}
	r.offered = false
	if n <= 0 {
		r.buf = nil
		return
	}
	if r.kept = r.kept[:0]; cap(r.kept) > MinScratch {
		r.kept = nil
	}
	r.buf = r.buf[:min(len(r.buf)+n, cap(r.buf))]
	r.early = false
}

// Buffered returns how many received bytes wait for Next to look at them.
func (r *Receiver) Buffered() int {
	if r.offered {
		return 0
	}
	return len(r.buf)
}

// Held returns how many bytes it keeps between two turns: of an incomplete
// message, frame header or control frame. MaxMessage bounds them, give or take
// the control frame; where a message is Undone, it bounds both of its forms, and
// what followed it is kept too.
func (r *Receiver) Held() int {
	held := len(r.msg) + len(r.kept)
	if r.inflation != nil {
		held += len(r.inflation.msg)
	}
	return held
}

// Done reports whether Close or Failed was reported: there will be no event
// any more.
func (r *Receiver) Done() bool { return r.state == discarding }

// Next returns the next event, or one of Kind None when there is none without
// more input.
func (r *Receiver) Next() Event {
	if r.offered { // and nothing was received
		r.park()
	}
	if r.Undone() {
		if ev := r.inflateGatheredWhole(); ev.Kind != None {
			return ev
		}
		return r.putOff()
	}
	if r.early { // and nothing was received since
		r.buf, r.kept, r.early = r.kept, nil, false
	}
	r.Release()
	if r.Stream && len(r.msg) > 0 && !r.zipped {
		return r.release()
	}
	for {
		switch r.state {
		case atHeader:
			// Most calls end here: with a small message, or nothing left.
			if p, op := r.short(); p != nil {
				return r.message(op, p)
			}
			if len(r.buf) < 2 {
				r.park()
				return Event{}
			}
			if ev := r.frame(); ev.Kind != None {
				return ev
			}
			if r.state == atHeader {
				r.park()
				return Event{}
			}
		case inPayload:
			if ev := r.payload(); ev.Kind != None {
				return ev
			}
			if r.state == inPayload {
				r.park()
				return Event{}
			}
		case inflating:
			if r.Undone() {
				return r.putOff()
			}
			return r.inflateChunk()
		default: // discarding
			r.buf = nil
			return Event{}
		}
	}
}

// frame takes the frame at the start of buf: a control frame or a message of
// one frame if it is all there, of others the header. If that leaves the state
// as it was and there is no event, more input is needed.
func (r *Receiver) frame() Event {
	h, n, bad := ParseHeader(r.buf)
	if n == 0 && bad == nil {
		return Event{}
	}
	if bad == nil {
		bad = r.check(h)
	}
	if bad != nil {
		return r.fail(bad)
	}
	whole := h.Len <= uint64(len(r.buf)-n)
	switch {
	case h.Op.Control() && !whole:
		return Event{}
	case h.Op.Control():
		return r.control(h.Op, r.take(n, h))
	case whole && h.Fin && h.Op != OpContinuation && !r.Stream:
		if h.RSV != 0 {
			return r.inflateMessage(h.Op, r.take(n, h))
		}
		return r.message(h.Op, r.take(n, h))
	}
	r.begin(h, n)
	return Event{}
}

// take removes a whole frame, whose header takes n bytes, and returns its
// unmasked payload.
func (r *Receiver) take(n int, h Header) []byte {
	end := n + int(h.Len)
	p := r.buf[n:end:end]
	r.buf = r.buf[end:]
	if h.Masked {
		Mask(p, h.Key)
	}
	return p
}

// park lets go of scratch and keeps what was not parsed: after Next, less than
// a header or a control frame.
func (r *Receiver) park() {
	if len(r.buf) > 0 && !r.offered {
		r.kept = append(r.kept[:0], r.buf...)
	}
	r.buf, r.offered = nil, false
}

// fail is how every violation leaves: as the last event. "An endpoint MUST NOT
// continue to attempt to process data (including a responding Close frame) from
// the remote endpoint after being instructed to _Fail the WebSocket
// Connection_." RFC 6455 §7.1.7.
func (r *Receiver) fail(why *Violation) Event {
	r.enter(discarding)
	return Event{Kind: Failed, Code: why.Code, Why: why}
}
