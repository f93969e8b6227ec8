package h2c

// skipStream1 takes the request out of what an HTTP/2 transport sends: the
// server has it, as stream 1. All else passes.
type skipStream1 struct {
	preface int    // bytes of it that have passed
	head    []byte // what there is of the next frame's head
	left    int    // bytes of the present frame's payload that are to come
	drop    bool   // the present frame is the request's
	last    bool   // …and its last
}

// skip is for [handoff.Resent].
func (s *skipStream1) skip(p []byte) (keep []byte, over bool) {
	n := min(len(preface)-s.preface, len(p))
	keep, p, s.preface = append(keep, p[:n]...), p[n:], s.preface+n
	for len(p) > 0 {
		if s.left == 0 && !s.begin(&p) {
			break
		}
		n := min(s.left, len(p))
		if !s.drop {
			keep = append(append(keep, s.head...), p[:n]...)
		}
		s.head = s.head[:0]
		p, s.left = p[n:], s.left-n
		if s.left == 0 && s.last {
			return append(keep, p...), true
		}
	}
	return keep, false
}

// begin takes a frame's head off p; it is false if p ends before.
func (s *skipStream1) begin(p *[]byte) bool {
	n := min(frameHead-len(s.head), len(*p))
	s.head, *p = append(s.head, (*p)[:n]...), (*p)[n:]
	if len(s.head) < frameHead {
		return false
	}
	h := parseHeader(s.head)
	s.left = h.length
	s.drop = h.stream == 1 && (h.typ == frameHeaders || h.typ == frameContinuation)
	s.last = s.drop && h.flags&flagEndHeaders != 0
	return true
}
