package conform

import (
	"slices"
	"strings"
)

// AnyOrder awaits events of which the messages keep their order and a pong may
// come anywhere: "The response to a Ping … as soon as is practical", RFC 6455
// §5.5.2, which is before or after what the endpoint was writing.
type AnyOrder struct {
	awaits
	Events []want
}

func (st AnyOrder) expects(End) string {
	var parts []string
	for _, w := range st.Events {
		parts = append(parts, w.String())
	}
	return strings.Join(parts, ", ") + " (a pong may overtake)"
}

func (st AnyOrder) run(s *dialogue) bool {
	left := slices.Clone(st.Events)
	for len(left) > 0 {
		e := s.next(patience)
		i := slices.IndexFunc(left, func(w want) bool { return w.kind == e.kind })
		if i < 0 || !left[i].fits(e) {
			if e.kind == evIllegal {
				return s.stop(Fail, "the endpoint sent %s", e.why)
			}
			return s.stop(Fail, "expected %v and got %v", left[0], e)
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// EchoOrRefusal awaits the echo of a message that an endpoint may also find too
// much: it passes by echoing or by failing the connection with one of Codes.
type EchoOrRefusal struct {
	awaits
	Op    byte
	Body  Payload
	Codes []int
}

func (st EchoOrRefusal) expects(End) string {
	return "the echo, or the connection failed with " + codeWords(st.Codes)
}

func (st EchoOrRefusal) run(s *dialogue) bool {
	for {
		e := s.next(4 * patience)
		switch {
		case e.kind == evPong:
			continue
		case e.kind == evClose && slices.Contains(st.Codes, e.code):
			s.endAfterFailure()
			return true
		case e.kind == evEnd || e.kind == evReset:
			s.ended = true
			s.judge(Nonstrict, "the connection ended without a Close frame that says why")
			return true
		case echo(st.Op, st.Body).fits(e):
			return true
		case e.kind == evSilence:
			return s.stop(Fail, "neither an echo nor a refusal came within %v", 4*patience)
		default:
			return s.stop(Fail, "expected %s and got %v", st.expects(s.end), e)
		}
	}
}
