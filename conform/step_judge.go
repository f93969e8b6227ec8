package conform

import (
	"fmt"
	"time"
)

// KeepsRule judges what was counted over the whole connection.
type KeepsRule struct {
	awaits
	Rule rule
}

type rule uint8

const (
	// masksByRole: a client masks every frame, a server none. RFC 6455 §5.1
	masksByRole rule = iota
	// shortLengths: "the minimal number of bytes MUST be used to encode the
	// length" RFC 6455 §5.2
	shortLengths
	// freshKeys: "The masking key needs to be unpredictable" RFC 6455 §5.3
	freshKeys
	// oneWrite: a frame's head does not travel alone.
	oneWrite
	// fewFrames: a message is not cut into needlessly small frames.
	fewFrames
)

// smallFrame is the payload under which cutting a long message is waste.
const smallFrame = 1000

func (st KeepsRule) expects(end End) string {
	switch st.Rule {
	case masksByRole:
		if end == Client {
			return "every frame masked"
		}
		return "no frame masked"
	case shortLengths:
		return "lengths in their shortest form"
	case freshKeys:
		return "a fresh masking key for every frame"
	case oneWrite:
		return "every small frame in one write"
	}
	return fmt.Sprintf("no frame under %d bytes but the last", smallFrame)
}

func (st KeepsRule) run(s *dialogue) bool {
	t := s.in.counts()
	switch st.Rule {
	case masksByRole:
		if t.wrongMask > 0 && s.end == Client {
			s.judge(Fail, "%d of %d frames were not masked", t.wrongMask, t.frames)
		} else if t.wrongMask > 0 {
			s.judge(Fail, "%d of %d frames were masked", t.wrongMask, t.frames)
		}
	case shortLengths:
		if t.longForm > 0 {
			s.judge(Fail, "%d of %d frames write their length longer than needed", t.longForm, t.frames)
		}
	case freshKeys:
		if t.sameKey > 0 || t.zeroKey > 1 {
			s.judge(Fail, "of %d frames %d repeat the key before and %d have a zero key", t.frames, t.sameKey, t.zeroKey)
		}
	case oneWrite:
		// A kernel may deliver one write in two pieces, yet hardly at a
		// frame's head time and again.
		if t.headerAlone > t.frames/4 {
			s.judge(Nonstrict, "%d of %d frames came as a head alone and the payload after it", t.headerAlone, t.frames)
		}
	case fewFrames:
		if e := s.last; e.frames > 2 && e.shortest < smallFrame {
			s.judge(Nonstrict, "a message of %d bytes came in %d frames, one of %d bytes", len(e.payload), e.frames, e.shortest)
		}
	}
	return true
}

// Echoes sends Count messages and awaits each one back, with at most Ahead of
// them on their way.
type Echoes struct {
	awaits
	Op    byte
	Body  Payload
	Count int
	Ahead int // 0: one at a time
	Per   int // frames of so many bytes
	// Vary gives every message other bytes.
	Vary bool
}

func (st Echoes) expects(End) string {
	if st.Count == 1 {
		return "the echo of " + st.Body.String()
	}
	return fmt.Sprintf("%d echoes of %v", st.Count, st.Body)
}

func (st Echoes) run(s *dialogue) bool {
	if st.Count > 64 {
		s.log.note(fmt.Sprintf("%d messages from here on, not logged one by one", st.Count))
		s.log.quiet.Store(true)
		defer s.log.quiet.Store(false)
	}
	ahead := max(1, st.Ahead)
	body := func(i int) Payload {
		if st.Vary {
			return st.Body.seeded(uint64(i % 16))
		}
		return st.Body
	}
	deadline := time.Now().Add(s.cs.bound())
	sent := 0
	for came := 0; came < st.Count; came++ {
		for sent < st.Count && sent < came+ahead {
			SendMessage{Op: st.Op, Body: body(sent), Per: st.Per}.run(s)
			sent++
		}
		one := Expect{Events: []want{echo(st.Op, body(came))}, Within: min(max(time.Until(deadline), time.Millisecond), st.patience())}
		if !one.run(s) {
			s.judge(Fail, "message %d of %d", came+1, st.Count)
			return false
		}
	}
	return true
}

// patience grows with the message: 16 MiB take a slow machine some seconds.
func (st Echoes) patience() time.Duration {
	return patience + time.Duration(st.Body.Len()>>20)*time.Second
}

// Compresses reports whether the last message came compressed, which an
// endpoint is free to choose.
type Compresses struct{ awaits }

func (Compresses) expects(End) string { return "a compressed echo" }

func (Compresses) run(s *dialogue) bool {
	if !s.last.compressed {
		s.judge(Informational, "the endpoint agreed to compression and sent this message plain")
	}
	return true
}

// Inflates awaits the echo of a message that inflates to many times its size,
// or a refusal with 1009. An endpoint without a limit is not strict.
type Inflates struct {
	awaits
	Size int
}

func (st Inflates) expects(End) string { return "the connection failed with 1009" }

func (st Inflates) run(s *dialogue) bool {
	for {
		switch e := s.next(st.wait()); e.kind {
		case evPong:
			continue
		case evClose:
			s.judgeCode(e, []int{1009})
			s.endAfterFailure()
			return true
		case evEnd, evReset:
			s.ended = true
			s.judge(Nonstrict, "the connection ended without a Close frame that says why")
			return true
		case evMessage:
			if len(e.payload) == st.Size {
				s.judge(Nonstrict, "%s were inflated without a limit", sizeWords(st.Size))
				return true
			}
			return s.stop(Fail, "expected a refusal and got %v", e)
		case evSilence:
			return s.stop(Fail, "neither an answer nor a refusal came within %v", st.wait())
		default:
			return s.stop(Fail, "expected a refusal and got %v", e)
		}
	}
}

func (st Inflates) wait() time.Duration { return 4 * patience }
