package conform

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// A dialogue is one case's conversation. Its script runs on one goroutine; the
// reader has another, which ends when the connection is closed.
type dialogue struct {
	cs         *Case
	end        End // the end under test
	conn       net.Conn
	in         *reader
	log        *wireLog
	keys       *rand.Rand // masking keys: the same ones in every run of a case
	dial       func(context.Context) (net.Conn, error)
	open       func(context.Context, []Field) (net.Conn, []Field, error) // instead of dial and HTTP/1.1; nil
	ctx        context.Context                                           // ends with the case's bound
	host       string
	path       string
	extra      []Field // of every opening request
	key        string  // Sec-WebSocket-Key, as the suite sent it
	keyUsed    bool    // an earlier connection of this client had the same key
	readerDone chan struct{}

	request, response head
	agreed            *agreement
	out               *deflater

	verdict  Verdict
	why      []string
	got      []event
	gotExtra int
	gotText  string // what came, where it was no event

	peeked    *event
	last      event // the last message
	sentClose bool
	gotClose  bool
	ended     bool // the connection is over, or failed: nothing more to await
	writeErr  error
}

// keepEvents bounds the events that the report counts.
const keepEvents = 64

// judge lowers the verdict where v weighs more than what stands.
func (s *dialogue) judge(v Verdict, format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	if v.rank() > s.verdict.rank() {
		s.verdict = v
	}
	if why != "" && len(s.why) < 8 {
		s.why = append(s.why, why)
		s.log.note(v.String() + ": " + why)
	}
}

// stop ends the script with a verdict.
func (s *dialogue) stop(v Verdict, format string, args ...any) bool {
	s.judge(v, format, args...)
	s.ended = true
	return false
}

// newKey is the next masking key.
func (s *dialogue) newKey() (k [4]byte) {
	v := s.keys.Uint32()
	return [4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
}

// append adds a frame's bytes, masked by the suite's role.
func (s *dialogue) append(dst []byte, f Frame) []byte {
	masked := (s.end == Server) != (f.Mask == MaskWrong)
	var key [4]byte
	if masked {
		key = s.newKey()
	}
	s.log.sent(f, masked, key)
	if f.Op == opClose {
		s.sentClose = true
	}
	return appendFrame(dst, f, masked, key)
}

// write sends bytes in pieces of chop, or whole. An error is kept: what the
// endpoint said before it is still to be read.
func (s *dialogue) write(b []byte, chop int) {
	if deadline, ok := s.ctx.Deadline(); ok {
		_ = s.conn.SetWriteDeadline(deadline)
	}
	for len(b) > 0 && s.writeErr == nil {
		n := len(b)
		if chop > 0 {
			n = min(chop, n)
		}
		if _, err := s.conn.Write(b[:n]); err != nil {
			s.writeErr = err
			s.log.note("sending failed: " + plainError(err))
		}
		b = b[n:]
	}
}

func (s *dialogue) send(frames ...Frame) {
	var b []byte
	for _, f := range frames {
		b = s.append(b, f)
	}
	s.write(b, 0)
}

// next is the endpoint's next event, or silence after wait or the case's bound.
// Pings are answered on the way, and kept from the script unless it wants them.
func (s *dialogue) next(wait time.Duration) event {
	if s.peeked != nil {
		e := *s.peeked
		s.peeked = nil
		return e
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		e, ok := s.in.pop()
		if !ok {
			select {
			case <-s.in.more:
				continue
			case <-timer.C:
				return event{kind: evSilence}
			case <-s.ctx.Done():
				return event{kind: evSilence}
			}
		}
		s.keep(e)
		switch e.kind {
		case evPing:
			if !s.sentClose {
				s.send(Frame{Op: opPong, Payload: e.payload})
			}
			continue
		case evClose:
			s.gotClose = true
		case evMessage:
			s.last = e
		}
		return e
	}
}

func (s *dialogue) unread(e event) { s.peeked = &e }

// keep remembers an event for the report, its payload cut.
func (s *dialogue) keep(e event) {
	if len(s.got) >= keepEvents {
		s.got = append(s.got[:0], s.got[keepEvents/2:]...)
		s.gotExtra += keepEvents / 2
	}
	s.got = append(s.got, e)
	if n := len(s.got); e.kind == evMessage && len(e.payload) > 64 {
		s.got[n-1].payload = append([]byte(nil), e.payload[:64]...)
		s.got[n-1].why = e.String()
	}
}

// converse runs the script and then ends the connection in good manners.
func (s *dialogue) converse() {
	for _, step := range s.cs.Script {
		if s.ended && !step.afterEnd() {
			continue
		}
		if !step.run(s) {
			break
		}
	}
	s.finish()
}

// finish closes a connection that the script left open. How the endpoint takes
// it is not judged here: cases of groups 7 and 27 do. A message that nothing
// asked for is.
func (s *dialogue) finish() {
	if s.ended {
		return
	}
	if !s.sentClose {
		s.send(Frame{Op: opClose, Payload: closePayload(1000, "")})
	}
	for range 1000 {
		e := s.next(farewell)
		switch e.kind {
		case evMessage:
			s.judge(Fail, "an extra message came: %v", e)
		case evPong, evPing:
			continue
		case evClose:
			// A server ends TCP first, RFC 6455 §7.1.1: wait for it there.
			if s.end == Server {
				continue
			}
			return
		}
		if e.kind != evMessage {
			return
		}
	}
}

// farewell is how long the end of a judged conversation is waited for.
const farewell = 400 * time.Millisecond

// result sums the dialogue up.
func (s *dialogue) result(began time.Time) Result {
	r := Result{
		Case:     s.cs,
		Verdict:  s.verdict,
		Expected: s.cs.expected(s.end),
		Got:      s.gotText,
		Reason:   strings.Join(s.why, "; "),
		Wire:     s.log.snapshot(),
		Took:     time.Since(began),
	}
	if r.Verdict == Pass { // a long tale is of use only where something went wrong
		r.Wire = shorten(r.Wire)
	}
	if len(s.got) > 0 || r.Got == "" {
		r.Got = strings.TrimPrefix(r.Got+", then "+summary(s.got, s.gotExtra), ", then ")
	}
	return r
}

// plainError is an error's text without addresses, which differ in every run.
func plainError(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
