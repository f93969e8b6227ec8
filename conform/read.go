package conform

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Limits on what the endpoint under test can make the suite keep.
const (
	maxMessage     = 80 << 20 // one message, inflated
	maxQueuedBytes = 96 << 20 // events not looked at yet
	maxQueued      = 1 << 17
)

// A reader turns the endpoint's bytes into events. One goroutine runs it; it
// ends when the connection does, which its dialogue closes.
type reader struct {
	conn net.Conn
	log  *wireLog
	// masked is what RFC 6455 §5.1 asks of the endpoint's frames.
	masked  bool
	inflate *inflater // nil without permessage-deflate
	window  int       // agreed for the endpoint's messages; 0 is the largest

	// The frame and message being read; the reading goroutine's alone.
	head    header
	raw     []byte // the head's own bytes
	inFrame bool
	payload []byte // of the frame
	message []byte
	msgOp   byte // 0: no message is open
	msg     event
	utf8    utf8State
	closed  bool // a Close frame came
	dead    bool // an illegal frame came: the rest is ignored

	more chan struct{} // holds one token when something was queued

	mu     sync.Mutex
	queue  []event // what follows is protected by mu
	queued int     // payload bytes in queue
	tally  tally
}

// A tally counts what is judged over a whole connection.
type tally struct {
	frames      int
	wrongMask   int // frames masked against RFC 6455 §5.1
	longForm    int // lengths not in their shortest form
	headerAlone int // reads that ended right after a small frame's header
	sameKey     int // masking keys equal to the one before
	zeroKey     int
}

func newReader(conn net.Conn, log *wireLog, end End) *reader {
	return &reader{conn: conn, log: log, masked: end == Client, more: make(chan struct{}, 1)}
}

// run reads until the connection ends. early is what came with the handshake.
func (r *reader) run(early []byte) {
	buf := make([]byte, 64<<10)
	pending := append([]byte(nil), early...)
	var lastKey [4]byte
	for {
		pending = r.consume(pending, &lastKey)
		n, err := r.conn.Read(buf)
		if n > 0 {
			pending = append(pending, buf[:n]...)
			continue
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			r.put(event{kind: evEnd})
		} else {
			r.put(event{kind: evReset, why: plainError(err)})
		}
		return
	}
}

// consume parses what it can from b and returns the rest.
func (r *reader) consume(b []byte, lastKey *[4]byte) []byte {
	for {
		if r.dead {
			return b[:0]
		}
		if !r.inFrame {
			h, n := parseHeader(b)
			if n == 0 {
				return b
			}
			r.raw = append(r.raw[:0], b[:n]...)
			b = b[n:]
			r.head, r.inFrame, r.payload = h, true, nil
			r.count(h, lastKey, len(b) == 0)
			if why := r.judgeHeader(h); why != "" {
				r.illegal(why)
				continue
			}
		}
		take := min(len(b), int(r.head.length)-len(r.payload))
		piece := b[:take]
		if r.head.masked {
			maskBytes(piece, r.head.key, len(r.payload))
		}
		if r.payload == nil && take == int(r.head.length) {
			r.payload = append(make([]byte, 0, take), piece...)
		} else {
			r.payload = append(r.payload, piece...)
		}
		b = b[take:]
		if len(r.payload) < int(r.head.length) {
			return b[:0]
		}
		r.inFrame = false
		r.log.received(r.raw, r.payload)
		r.frame()
	}
}

func (r *reader) count(h header, lastKey *[4]byte, alone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.tally
	t.frames++
	if h.masked != r.masked {
		t.wrongMask++
	}
	if !h.minimal {
		t.longForm++
	}
	if alone && h.length > 0 && h.length <= 1024 {
		t.headerAlone++
	}
	if h.masked {
		if t.frames > 1 && h.key == *lastKey {
			t.sameKey++
		}
		if h.key == [4]byte{} {
			t.zeroKey++
		}
		*lastKey = h.key
	}
}

// judgeHeader says what is illegal about a frame from its head alone.
func (r *reader) judgeHeader(h header) string {
	name := opName(h.op)
	switch {
	case h.op > 2 && h.op < 8 || h.op > opPong:
		return "a frame with the reserved " + name
	case r.closed:
		// "The application MUST NOT send any more data frames after sending
		// a Close frame." RFC 6455 §5.5.1
		return "a " + name + " frame after the Close frame"
	case h.length > maxMessage:
		return fmt.Sprintf("a frame of %d bytes", h.length)
	case isControl(h.op) && h.length > 125:
		return fmt.Sprintf("a %s frame with %d bytes of payload", name, h.length)
	case isControl(h.op) && !h.fin:
		return "a fragmented " + name + " frame"
	case h.rsv&^rsv1 != 0:
		return fmt.Sprintf("a %s frame with reserved bits %#x", name, h.rsv)
	case h.rsv != 0 && r.inflate == nil:
		return "a " + name + " frame with RSV1 without permessage-deflate"
	case h.rsv != 0 && h.op != opText && h.op != opBinary:
		return "a " + name + " frame with RSV1"
	case h.op == opContinuation && r.msgOp == 0:
		return "a continuation frame with no message to continue"
	case (h.op == opText || h.op == opBinary) && r.msgOp != 0:
		return "a " + name + " frame inside another message"
	case len(r.message)+int(h.length) > maxMessage:
		return "a message past every bound"
	}
	return ""
}

// frame handles a whole frame.
func (r *reader) frame() {
	h, p := r.head, r.payload
	r.payload = nil
	switch h.op {
	case opPing:
		r.put(event{kind: evPing, op: h.op, payload: p})
		return
	case opPong:
		r.put(event{kind: evPong, op: h.op, payload: p})
		return
	case opClose:
		r.closeFrame(p)
		return
	case opText, opBinary:
		r.msgOp = h.op
		r.msg = event{kind: evMessage, op: h.op, compressed: h.rsv != 0, shortest: len(p)}
		r.utf8 = utf8Start
		r.message = nil
	}
	r.msg.frames++
	r.msg.wire += len(p)
	if r.message == nil {
		r.message = p
	} else {
		r.message = append(r.message, p...)
	}
	if r.msgOp == opText && !r.msg.compressed {
		if r.utf8 = r.utf8.feed(p); r.utf8 == utf8Bad {
			r.illegal("a text message that is not UTF-8")
			return
		}
	}
	if !h.fin {
		r.msg.shortest = min(r.msg.shortest, len(p))
		return
	}
	r.endMessage()
}

func (r *reader) endMessage() {
	e := r.msg
	e.payload = r.message
	if e.compressed {
		plain, distance, err := r.inflate.message(r.message, maxMessage)
		window := r.window
		if window == 0 {
			window = maxWindow
		}
		switch {
		case err != nil:
			r.illegal("a compressed message that does not inflate: " + err.Error())
			return
		case distance > window:
			r.illegal(fmt.Sprintf("a match %d bytes back where the agreed window is %d bytes", distance, window))
			return
		case e.op == opText && !validUTF8(plain):
			r.illegal("a compressed text message that is not UTF-8")
			return
		}
		e.payload, e.distance = plain, distance
	} else if e.op == opText && r.utf8 != utf8Start {
		r.illegal("a text message that ends inside a code point")
		return
	}
	r.msgOp, r.message = 0, nil
	r.put(e)
}

func (r *reader) closeFrame(p []byte) {
	r.closed = true
	e := event{kind: evClose, op: opClose, payload: p, code: 1005}
	if len(p) == 1 {
		r.illegal("a Close frame with a single byte of payload")
		return
	}
	if len(p) >= 2 {
		e.code = int(p[0])<<8 | int(p[1])
		if !sendableCode(e.code) {
			r.illegal(fmt.Sprintf("a Close frame with the code %d, which must not be sent", e.code))
			return
		}
		if !validUTF8(p[2:]) {
			r.illegal("a Close frame whose reason is not UTF-8")
			return
		}
	}
	r.put(e)
}

// sendableCode reports whether RFC 6455 §7.4 and the IANA registry let a Close
// frame carry the code.
func sendableCode(code int) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code == 1004 || code == 1005 || code == 1006 || code == 1015:
		return false
	}
	return code >= 1000 && code <= 1014
}

func (r *reader) illegal(why string) {
	r.dead = true
	r.log.note("✗ " + why)
	r.put(event{kind: evIllegal, why: why})
}

// put queues an event and wakes next. A flood ends the reading.
func (r *reader) put(e event) {
	r.mu.Lock()
	r.queued += len(e.payload)
	if r.queued > maxQueuedBytes || len(r.queue) >= maxQueued {
		r.dead = true
		e = event{kind: evIllegal, why: "a flood: more was sent than anything asked for"}
	}
	if last := len(r.queue) - 1; last < 0 || !r.queue[last].same(evIllegal) || !e.same(evIllegal) {
		r.queue = append(r.queue, e)
	}
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (e event) same(k eventKind) bool { return e.kind == k }

// pop takes the oldest event.
func (r *reader) pop() (event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return event{}, false
	}
	e := r.queue[0]
	r.queue[0] = event{}
	r.queue = r.queue[1:]
	r.queued -= len(e.payload)
	return e, true
}

func (r *reader) counts() tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally
}
