package conform

import (
	"fmt"
	"time"
)

// SendFar sends a message that fills the suite's agreed window, then one that
// refers to its first byte: as far back as the window allows. Both come back.
type SendFar struct{ awaits }

func (SendFar) expects(End) string {
	return "the echoes of a window of text and of a reference to its first byte"
}

func (SendFar) run(s *dialogue) bool {
	if s.agreed == nil {
		return s.stop(Fail, "no compression was agreed")
	}
	window := 1 << s.agreed.suiteBits
	body := fill(Windowed, window)
	if s.agreed.suiteReset { // the endpoint forgets: refer within one message
		p, plain := farMatch(body.Bytes()[:200], window)
		s.sendMessage(opText, rsv1, p, 0, 0, false)
		return expect(echo(opText, text(string(plain)))).run(s)
	}
	s.sendMessage(opText, rsv1, literalMessage(body.Bytes()), 0, 0, false)
	if !expect(echo(opText, body)).run(s) {
		return false
	}
	var w bitWriter
	w.put(0b010, 3)
	w.match(200, window)
	w.fixed(256)
	s.sendMessage(opText, rsv1, w.flush(), 0, 0, false)
	return expect(echo(opText, text(string(body.Bytes()[:200])))).run(s)
}

// bombBound leaves time to echo a whole bomb.
const bombBound = 15 * time.Second

// SendBomb sends a message in fragments that inflates to Size bytes.
type SendBomb struct {
	sends
	Size, Per int
}

func (st SendBomb) run(s *dialogue) bool {
	s.sendMessage(opBinary, rsv1, bomb(st.Size), st.Per, 0, false)
	return true
}

// TakesOver reports whether the endpoint's second echo of the same text refers
// to its first.
type TakesOver struct{ awaits }

func (TakesOver) expects(End) string { return "a second echo that refers to the first" }

func (TakesOver) run(s *dialogue) bool {
	if s.agreed == nil || s.agreed.endpointReset {
		s.judge(Informational, "the endpoint said that it does not take over")
		return true
	}
	if n := len(s.last.payload); !s.last.compressed || s.last.wire > n/2 {
		s.judge(Informational, "the second echo of %s took %s: no context was taken over", sizeWords(n), fmt.Sprint(s.last.wire, " bytes"))
	}
	return true
}

// EndsQuietly awaits that after the closing handshake nothing comes but the end
// of TCP.
type EndsQuietly struct{ awaits }

func (EndsQuietly) expects(End) string { return "nothing more" }

func (EndsQuietly) run(s *dialogue) bool {
	wait := farewell
	if s.end == Client {
		wait = clientWaits
	}
	switch e := s.next(wait); e.kind {
	case evSilence:
		return true
	case evEnd, evReset:
		s.ended = true
		return true
	case evIllegal:
		return s.stop(Fail, "the endpoint sent %s", e.why)
	default:
		return s.stop(Fail, "the endpoint sent %v after its Close frame", e)
	}
}
