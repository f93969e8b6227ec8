package wire

import (
	"sync"

	"github.com/wye-org/wye/websocket/wire/internal/deflate"
)

// inflation is what a Receiver knows of permessage-deflate: what was agreed of
// the peer's messages, and, if they refer to earlier ones, the window.
type inflation struct {
	bits     uint8 // of the window
	takeover bool
	window   []byte // what the next message may refer to; nothing without takeover

	// What inflates the message that is reported in chunks, or that is not
	// done, or has inflated what the last event reports; nil at all other times.
	codec *deflate.Inflater
	size  int    // of the message so far, inflated
	msg   []byte // what was inflated of one that is reported whole

	bounded bool // Allow was called
	allowed int  // bytes that may be inflated until it is called again, or less than none
	undone  bool // the message that is reported whole waits for that
}

// inflaters are shared by all Receivers: one holds one only for a turn, for a
// message that it reports in chunks, or until what was Allowed was enough.
var inflaters = sync.Pool{New: func() any { return new(deflate.Inflater) }}

// Agree says what was agreed of permessage-deflate, before the first frame. It
// counts once; the zero Agreed says nothing.
func (r *Receiver) Agree(a Agreed) {
	if !a.InUse || r.inflation != nil || r.state == discarding {
		return
	}
	// What the server sends the client receives.
	bits, reset := a.ClientBits, a.ClientNoTakeover
	if r.opt != nil && r.opt.Client {
		bits, reset = a.ServerBits, a.ServerNoTakeover
	}
	r.inflation = &inflation{bits: uint8(bitsOr(bits, maxBits)), takeover: !reset}
}

// Allow bounds what is inflated until the next Allow to n bytes, and less than 64
// KiB more. When that is used up Next returns None, also with a message that is
// all there, and Undone reports true. It is for who has others to serve: 64 KiB
// of input can be 64 MiB of work. Without Allow there is no bound. It is of no
// effect on messages that are reported in chunks, each of which is as long.
func (r *Receiver) Allow(n int) {
	if r.inflation != nil {
		r.inflation.bounded, r.inflation.allowed = true, n
	}
}

// Undone reports whether the last Next returned None because Allow has to be
// called first. Input is not asked for until Next returns None without that.
func (r *Receiver) Undone() bool { return r.inflation != nil && r.inflation.undone }

// Release lets go of what the last event's Data lies in, which the next Next or
// Space would as well, except that the latter is the caller's scratch. It is for
// who knows that nothing is Buffered, and will not call them soon.
func (r *Receiver) Release() {
	if r.inflation != nil && r.state != inflating {
		r.inflation.letGo()
	}
}

func (z *inflation) letGo() {
	if z.codec != nil {
		z.codec.Forget()
		inflaters.Put(z.codec)
		z.codec = nil
	}
}

// begin begins with the payload of a message.
func (z *inflation) begin(payload []byte) {
	z.codec = inflaters.Get().(*deflate.Inflater)
	z.codec.Reset(payload, z.window, 1<<z.bits)
	z.size, z.msg = 0, nil
}

// end keeps what the next message may refer to. "If the "agreed parameters"
// contain the "client_no_context_takeover" extension parameter, the server MAY
// decompress each new message with an empty LZ77 sliding window. Otherwise, the
// server MUST decompress each new message using the LZ77 sliding window used to
// process the last compressed message." RFC 7692 §7.2.2; and likewise the client.
func (z *inflation) end() {
	if z.takeover {
		z.window = deflate.Slide(z.window[:0], z.codec.Window(), 1<<z.bits)
	}
}

// inflate inflates the next part of a message of op, valid until the codec goes
// on, and reports whether that was its last.
func (r *Receiver) inflate(op Opcode) (p []byte, done bool, bad *Violation) {
	z, most := r.inflation, r.opt.maxMessage()
	p, done, err := z.codec.Next(most - z.size)
	z.size += len(p)
	z.allowed -= len(p)
	switch {
	case op == OpText && !r.text.Write(p, done && err == nil):
		// "At the receiver, the payload data portion after decompression is
		// subject to the constraints for the original data type again." RFC
		// 7692 §6.1. Here, at the first bad byte.
		return nil, false, errText
	case err == deflate.ErrFar:
		return nil, false, errWindow
	case err != nil:
		return nil, false, errDeflate
	case !done && z.size == most: // and there is more
		return nil, false, errTooBig
	}
	return p, done, nil
}

// inflateMessage reports a message of one frame whose payload is all there: in
// place, if it is short enough, where it was inflated.
func (r *Receiver) inflateMessage(op Opcode, payload []byte) Event {
	r.inflation.begin(payload)
	ev := r.inflateWhole(op)
	if r.inflation != nil && r.inflation.undone {
		r.op, r.zipped, r.size = op, true, len(payload)
		r.msg = append(r.opt.regrow(nil, len(payload)), payload...) // where it lies is for others
		r.inflation.codec.Move(r.msg)
	}
	return ev
}

// inflateWhole goes on with a message, and reports it when it is done.
func (r *Receiver) inflateWhole(op Opcode) Event {
	z := r.inflation
	z.undone = false
	for {
		if z.bounded && z.allowed <= 0 {
			z.undone = true
			r.enter(inflating)
			return Event{}
		}
		p, done, bad := r.inflate(op)
		if bad != nil {
			return r.fail(bad)
		}
		if done && z.msg == nil {
			z.end()
			return Event{Kind: Message, Op: op, Data: p}
		}
		if len(p) > cap(z.msg)-len(z.msg) {
			size := len(z.msg) + len(p)
			if !done {
				size = max(size, min(inflateGrowth*size, r.opt.maxMessage()))
			}
			z.msg = r.opt.regrow(z.msg, size)
		}
		if z.msg = append(z.msg, p...); done {
			ev := Event{Kind: Message, Op: op, Data: z.msg, Owned: true}
			z.msg = nil
			z.end()
			z.letGo()
			return ev
		}
	}
}

// putOff returns for the time being, with a message undone.
func (r *Receiver) putOff() Event {
	r.early = r.early || len(r.buf) > 0
	r.park()
	return Event{}
}

// inflateGrowth is how much room a message gets that goes on, as a multiple of
// what was inflated already.
const inflateGrowth = 4

// inflateGathered reports a message that came in parts.
func (r *Receiver) inflateGathered() Event {
	r.inflation.begin(r.msg)
	if r.Stream {
		r.enter(inflating)
		return r.inflateChunk()
	}
	return r.inflateGatheredWhole()
}

// inflateGatheredWhole goes on with it.
func (r *Receiver) inflateGatheredWhole() Event {
	ev := r.inflateWhole(r.op)
	if ev.Kind != Message {
		return ev
	}
	r.enter(atHeader)
	r.opt.free(r.msg)
	return r.end(ev)
}

// inflateChunk reports the next part of the message that was gathered.
func (r *Receiver) inflateChunk() Event {
	p, done, bad := r.inflate(r.op)
	if bad != nil {
		return r.fail(bad)
	}
	ev := Event{Kind: Chunk, Op: r.op, Data: p, Final: done}
	if !done {
		r.inflation.codec.Save() // the event's owner may write to p
		return ev
	}
	r.inflation.end()
	r.enter(atHeader)
	r.opt.free(r.msg)
	return r.end(ev)
}
