package wire

import "encoding/binary"

// short takes the frame that most frames are, at a glance: a message of 1 to
// 125 bytes to a server, unfragmented, all here. It returns nil for any other:
// that goes the long way, to the same events.
func (r *Receiver) short() (p []byte, op Opcode) {
	b := r.buf
	if len(b) < 7 || r.op != OpContinuation || r.opt.Client || r.Stream {
		return nil, 0
	}
	op, n := Opcode(b[0]&^0x80), int(b[1]&^0x80)
	if b[0]&b[1]&0x80 == 0 || !op.message() || n == 0 || n > MaxControl || len(b) < 6+n || n > r.opt.maxMessage() {
		return nil, 0
	}
	p, r.buf = b[6:6+n:6+n], b[6+n:]
	Mask(p, binary.LittleEndian.Uint32(b[2:]))
	return p, op
}

// message reports a message of one frame, in place.
func (r *Receiver) message(op Opcode, p []byte) Event {
	if op == OpText && !ValidText(p) {
		return r.fail(errText)
	}
	return Event{Kind: Message, Op: op, Data: p}
}

// begin enters a data frame whose header takes n bytes.
func (r *Receiver) begin(h Header, n int) {
	r.buf = r.buf[n:]
	r.need, r.key, r.fin = int(h.Len), h.Key, h.Fin
	r.size += r.need
	r.frames++
	if h.Op != OpContinuation {
		r.op, r.chunks, r.zipped = h.Op, r.Stream, h.RSV != 0
	}
	r.enter(inPayload)
}

// payload takes what there is of a data frame.
func (r *Receiver) payload() Event {
	p := r.buf[:min(len(r.buf), r.need)]
	r.buf = r.buf[len(p):]
	r.need -= len(p)
	if !r.opt.Client {
		r.key = Mask(p, r.key)
	}
	last := r.fin && r.need == 0
	// "When an endpoint is to interpret a byte stream as UTF-8 but finds that
	// the byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST
	// _Fail the WebSocket Connection_." RFC 6455 §8.1. Here, at the first bad
	// byte.
	if r.op == OpText && !r.zipped && !r.text.Write(p, last) {
		return r.fail(errText)
	}
	if r.need == 0 {
		r.enter(atHeader)
	}
	if (r.chunks || r.Stream) && !r.zipped {
		return r.chunk(p, last)
	}
	r.gather(p) // what is compressed always
	switch {
	case !last:
		return Event{}
	case r.zipped:
		return r.inflateGathered()
	}
	return r.end(Event{Kind: Message, Op: r.op, Data: r.msg, Owned: true})
}

// chunk hands on a part of the message in progress.
func (r *Receiver) chunk(p []byte, last bool) Event {
	r.chunks, r.msg = true, nil
	ev := Event{Kind: Chunk, Op: r.op, Data: p[:len(p):len(p)], Final: last}
	switch {
	case last:
		return r.end(ev)
	case len(p) == 0:
		return Event{}
	}
	return ev
}

// release hands on what was gathered before Stream was set, as a chunk.
func (r *Receiver) release() Event {
	n := len(r.msg)
	ev := Event{Kind: Chunk, Op: r.op, Data: r.msg[:n:n], Owned: len(r.buf) == 0 || !r.direct}
	if ev.Owned {
		ev.Data = r.msg
	}
	r.chunks, r.msg = true, nil
	return ev
}

// end ends the message in progress.
func (r *Receiver) end(ev Event) Event {
	r.op, r.size, r.frames, r.msg, r.zipped = OpContinuation, 0, 0, nil, false
	return ev
}

// gather adds p to the message in progress.
func (r *Receiver) gather(p []byte) {
	switch {
	case len(p) == 0:
	case r.direct: // p lies there already
		r.msg = r.msg[:len(r.msg)+len(p)]
	default:
		r.reserve(len(p), len(r.msg)+len(p))
		r.msg = append(r.msg, p...)
	}
}

// A message's buffer is at most growth times as long as what has come of the
// message, or bufferMin.
const (
	growth    = 16
	bufferMin = 4 << 10
)

// reserve makes room in msg for n more bytes, of which so much has come. It
// makes room for all that the headers announced, if that is not much more than
// has come: a header alone cannot make us hold a message's worth, and yet even
// the largest message is copied few times.
func (r *Receiver) reserve(n, come int) {
	if cap(r.msg)-len(r.msg) >= n {
		return
	}
	size := r.size
	if !r.fin { // more frames are to come
		size = max(size, 2*cap(r.msg), 512)
	}
	size = min(size, r.opt.maxWire(r.zipped))
	if come <= size/growth {
		size = min(size, max(come*growth, bufferMin))
	}
	r.msg = r.opt.regrow(r.msg, max(size, len(r.msg)+n))
}

// regrow returns b in a buffer of size, and frees the one that it was in.
func (o *Options) regrow(b []byte, size int) []byte {
	var m []byte
	if o.Alloc != nil {
		m = o.Alloc(size)[:0]
	}
	if cap(m) < size {
		m = make([]byte, 0, size)
	}
	m = append(m, b...)
	o.free(b)
	return m
}

// free gives back a buffer that no event has handed out.
func (o *Options) free(b []byte) {
	if o.Free != nil && cap(b) > 0 {
		o.Free(b)
	}
}
