package conform

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Step is one line of a case's script. The steps are data: each is a struct
// that says what is sent or what is awaited.
type Step interface {
	// run carries the step out; false ends the script.
	run(s *dialogue) bool
	// expects says in words what the step awaits from the end under test; it
	// is empty for a step that only sends.
	expects(end End) string
	// afterEnd is true for steps that make sense once the connection is over.
	afterEnd() bool
}

// sends is for steps that await nothing; ordinary for all that need a connection.
type sends struct{}

func (sends) expects(End) string { return "" }
func (sends) afterEnd() bool     { return false }

type awaits struct{}

func (awaits) afterEnd() bool { return false }

// Send sends frames as they stand, all in one write or in pieces of Chop bytes.
type Send struct {
	sends
	Frames []Frame
	Chop   int
}

func frames(f ...Frame) Send { return Send{Frames: f} }

func (st Send) run(s *dialogue) bool {
	var b []byte
	for _, f := range st.Frames {
		b = s.append(b, f)
	}
	s.write(b, st.Chop)
	return true
}

// SendRaw sends bytes that are no whole frame.
type SendRaw struct {
	sends
	Bytes []byte
}

func (st SendRaw) run(s *dialogue) bool {
	s.log.add(LogLine{From: "suite", What: "bytes that are no whole frame", Hex: fmt.Sprintf("% x", st.Bytes[:min(len(st.Bytes), maxLogHex)])})
	s.write(st.Bytes, 0)
	return true
}

// SendMessage sends a message, compressed where the case has agreed on it.
type SendMessage struct {
	sends
	Op    byte
	Body  Payload
	Per   int  // frames of so many bytes; 0: one frame
	Chop  int  // writes of so many bytes; 0: as few as possible
	Plain bool // uncompressed though compression was agreed
	// Encode, if not nil, makes the compressed bytes in place of the
	// suite's own compressor.
	Encode func(plain []byte) []byte
	Ping   bool // a ping stands before the message's last frame
}

func (st SendMessage) run(s *dialogue) bool {
	p := st.Body.Bytes()
	var rsv byte
	if s.agreed != nil && !st.Plain {
		rsv = rsv1
		if st.Encode != nil {
			p = st.Encode(p)
		} else {
			p = s.out.message(p)
		}
	}
	s.sendMessage(st.Op, rsv, p, st.Per, st.Chop, st.Ping)
	return true
}

// batch is how many bytes of frames are gathered for one write.
const batch = 256 << 10

func (s *dialogue) sendMessage(op, rsv byte, p []byte, per, chop int, ping bool) {
	if per <= 0 {
		per = max(1, len(p))
	}
	var b []byte
	for {
		n := min(per, len(p))
		f := Frame{Op: op, RSV: rsv, Payload: p[:n], More: n < len(p)}
		if ping && !f.More {
			b = s.append(b, Frame{Op: opPing, Payload: []byte("in between")})
		}
		b = s.append(b, f)
		p, op, rsv = p[n:], opContinuation, 0
		if len(b) >= batch || !f.More {
			s.write(b, chop)
			b = b[:0]
		}
		if !f.More {
			return
		}
	}
}

// A want is one awaited event.
type want struct {
	kind    eventKind
	op      byte
	body    Payload
	mayLose bool // its absence is Nonstrict and no more
}

func echo(op byte, body Payload) want { return want{kind: evMessage, op: op, body: body} }
func pong(body Payload) want          { return want{kind: evPong, op: opPong, body: body} }

// owed is an event that was due before the connection had to be failed: an
// endpoint that drops it is not strict.
func owed(w want) want { w.mayLose = true; return w }

func (w want) String() string {
	s := opName(w.op) + " " + w.body.String()
	if w.mayLose {
		s += " (may be lost)"
	}
	return s
}

func (w want) fits(e event) bool {
	return e.kind == w.kind && e.op == w.op && len(e.payload) == w.body.Len() && bytes.Equal(e.payload, w.body.Bytes())
}

// Expect awaits events in their order.
type Expect struct {
	awaits
	Events []want
	// Exact counts a pong that nothing asked for as an event too.
	Exact bool
	// Within replaces the usual patience.
	Within time.Duration
}

func expect(w ...want) Expect { return Expect{Events: w} }

func (st Expect) expects(End) string {
	var parts []string
	for _, w := range st.Events {
		parts = append(parts, w.String())
	}
	return strings.Join(parts, ", ")
}

func (st Expect) run(s *dialogue) bool {
	wait := patience
	if st.Within != 0 {
		wait = st.Within
	}
	for i := 0; i < len(st.Events); i++ {
		w := st.Events[i]
		e := s.next(wait)
		switch {
		case w.fits(e):
		case e.kind == evPong && w.kind != evPong && !st.Exact:
			i-- // a heartbeat that nobody asked for is allowed, RFC 6455 §5.5.3
		case w.mayLose:
			s.judge(Nonstrict, "%v was owed and did not come", w)
			if e.kind != evSilence {
				s.unread(e)
			}
		case e.kind == evIllegal:
			return s.stop(Fail, "the endpoint sent %s", e.why)
		case e.kind == evSilence:
			return s.stop(Fail, "nothing came within %v; expected %v", wait, w)
		default:
			return s.stop(Fail, "expected %v and got %v", w, differ(w, e))
		}
	}
	return true
}

// differ describes an event beside what was wanted: for two long messages
// that look alike, where they part.
func differ(w want, e event) string {
	if e.kind != evMessage || w.kind != evMessage || w.op != e.op || w.body.Len() < 40 {
		return e.String()
	}
	b := w.body.Bytes()
	for i := range min(len(b), len(e.payload)) {
		if b[i] != e.payload[i] {
			return fmt.Sprintf("%v, different from byte %d on", e, i)
		}
	}
	return fmt.Sprintf("%v, %d bytes in place of %d", e, len(e.payload), len(b))
}

// ExpectPongs awaits the answers to several pings. "If an endpoint receives a
// Ping frame and has not yet sent Pong frame(s) in response to previous Ping
// frame(s), the endpoint MAY elect to send a Pong frame for only the most
// recently processed Ping frame." RFC 6455 §5.5.3: some may be missing, never
// the last, and none may come out of order.
type ExpectPongs struct {
	awaits
	Payloads []string
	// Refuse lists the codes that may refuse so many; nil means none may.
	Refuse []int
}

func (st ExpectPongs) expects(End) string {
	return fmt.Sprintf("pongs in the order of the %d pings, the last one at least", len(st.Payloads))
}

func (st ExpectPongs) run(s *dialogue) bool {
	at := 0
	for at < len(st.Payloads) {
		e := s.next(patience)
		switch {
		case e.kind == evPong:
		case e.kind == evClose && slices.Contains(st.Refuse, e.code):
			s.endAfterFailure()
			return true
		case (e.kind == evEnd || e.kind == evReset) && st.Refuse != nil:
			s.ended = true
			s.judge(Nonstrict, "the connection ended without a Close frame that says why")
			return true
		default:
			return s.stop(Fail, "expected a pong and got %v", e)
		}
		i := slices.Index(st.Payloads[at:], string(e.payload))
		if i < 0 {
			return s.stop(Fail, "the pong %s answers no ping, or comes out of order", quoted(e.payload))
		}
		at += i + 1
	}
	return true
}

// Fails awaits that the endpoint fails the connection, RFC 6455 §7.1.7: a Close
// frame with one of Codes, and the end of TCP.
type Fails struct {
	Codes []int
	// Early means that the endpoint can know before the rest is sent. One
	// that waits for the message's end is not strict, and the script goes on.
	Early bool
	// Mild is the verdict where the endpoint tolerates what it got; zero
	// means Fail.
	Mild Verdict
	// Tolerated, if not nil, is the echo that a tolerant endpoint sends.
	Tolerated *want
}

func fails(codes ...int) Fails { return Fails{Codes: codes} }

func (st Fails) afterEnd() bool { return false }
func (st Fails) expects(End) string {
	s := "the connection failed with " + codeWords(st.Codes)
	if st.Early {
		s += " before the message ends"
	}
	return s
}

// earlyPatience is how long an endpoint may take to notice what it can know
// from the bytes that it has.
const earlyPatience = 700 * time.Millisecond

func (st Fails) run(s *dialogue) bool {
	wait := patience
	if st.Early {
		wait = earlyPatience
	}
	verdict := Fail
	if st.Mild != Pass {
		verdict = st.Mild
	}
	for {
		switch e := s.next(wait); e.kind {
		case evPong:
			continue
		case evClose:
			s.judgeCode(e, st.Codes)
			s.endAfterFailure()
			return true
		case evEnd, evReset:
			s.ended = true
			s.judge(Nonstrict, "the connection ended without a Close frame that says why")
			return true
		case evIllegal:
			return s.stop(verdict, "the endpoint sent %s", e.why)
		case evSilence:
			if st.Early {
				s.judge(Nonstrict, "the fault is only noticed later, not when its first byte comes")
				return true
			}
			if st.Mild != Pass {
				s.judge(st.Mild, "the endpoint neither failed the connection nor answered")
				return true
			}
			return s.stop(Fail, "the connection was not failed within %v", wait)
		case evMessage:
			if st.Tolerated != nil && st.Tolerated.fits(e) {
				s.judge(verdict, "the endpoint accepted it and answered %v", e)
				return true
			}
			return s.stop(Fail, "the endpoint accepted it and answered %v", e)
		}
	}
}

// judgeCode holds a Close frame's code against the right ones. The codes are
// SHOULDs: RFC 6455 §7.1.7 and §7.4.1.
func (s *dialogue) judgeCode(e event, codes []int) {
	if !slices.Contains(codes, e.code) {
		s.judge(Nonstrict, "the Close frame says %s where %s is meant", strings.TrimPrefix(e.String(), "close "), codeWords(codes))
	}
}

func codeWords(codes []int) string {
	var parts []string
	for _, c := range codes {
		if c == 1005 {
			parts = append(parts, "no code")
			continue
		}
		parts = append(parts, fmt.Sprint(c))
	}
	return strings.Join(parts, " or ")
}

// endAfterFailure answers the endpoint's Close and lets TCP end.
func (s *dialogue) endAfterFailure() {
	if !s.sentClose {
		s.send(Frame{Op: opClose, Payload: closePayload(1000, "")})
	}
	s.ended = true
	if s.end == Client {
		return // the suite is the server: it ends TCP
	}
	for range 100 {
		if e := s.next(farewell); e.kind != evPong {
			return
		}
	}
}

// Closes awaits the endpoint's Close frame in answer to the suite's.
type Closes struct {
	awaits
	Codes []int // what the answer may carry; 1005: nothing
	// Mild is the verdict where the endpoint takes the Close for an error;
	// zero means Fail.
	Mild Verdict
}

func closes(codes ...int) Closes { return Closes{Codes: codes} }

func (st Closes) expects(End) string { return "a Close frame with " + codeWords(st.Codes) }

func (st Closes) run(s *dialogue) bool {
	for {
		switch e := s.next(patience); e.kind {
		case evPong:
			continue
		case evClose:
			wrong := (e.code == 1002 || e.code == 1007) && !slices.Contains(st.Codes, e.code)
			if wrong && st.Mild == Pass {
				return s.stop(Fail, "the endpoint took the Close frame for an error: %v", e)
			}
			s.judgeCode(e, st.Codes)
			return true
		case evEnd, evReset:
			// "an endpoint MUST send a Close frame in response" RFC 6455 §5.5.1
			return s.stop(Fail, "the connection ended without an answering Close frame")
		case evSilence:
			return s.stop(Fail, "no Close frame came within %v", patience)
		default:
			return s.stop(Fail, "expected a Close frame and got %v", e)
		}
	}
}

// Wait lets time pass with nothing sent.
type Wait struct {
	sends
	For time.Duration
}

func (st Wait) run(s *dialogue) bool {
	t := time.NewTimer(st.For)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
	return true
}

// Quiet awaits that nothing at all comes for a while.
type Quiet struct {
	awaits
	For time.Duration
}

func (st Quiet) expects(End) string { return "silence" }

func (st Quiet) run(s *dialogue) bool {
	if e := s.next(st.For); e.kind != evSilence {
		return s.stop(Fail, "expected silence and got %v", e)
	}
	return true
}
