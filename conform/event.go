package conform

import (
	"fmt"
	"strings"
)

// An eventKind is what came from the endpoint under test.
type eventKind uint8

const (
	evMessage eventKind = iota
	evPing
	evPong
	evClose
	evEnd     // the endpoint closed its side of TCP
	evReset   // TCP broke
	evIllegal // bytes that RFC 6455 or 7692 forbids; nothing follows
	evSilence // nothing came in time
)

// An event is one thing that the endpoint did.
type event struct {
	kind       eventKind
	op         byte
	payload    []byte
	code       int // of a Close; 1005 without one
	why        string
	frames     int // of a message
	shortest   int // the smallest frame payload of a message but its last
	compressed bool
	distance   int // the largest that the deflate data used
	wire       int // payload bytes on the wire
}

func (e event) String() string {
	switch e.kind {
	case evMessage:
		if e.why != "" { // a shortened copy: the whole one's words
			return e.why
		}
		s := fmt.Sprintf("%s %s", opName(e.op), quoted(e.payload))
		if e.frames > 1 {
			s += fmt.Sprintf(" in %d frames", e.frames)
		}
		return s
	case evPing, evPong:
		return fmt.Sprintf("%s %s", opName(e.op), quoted(e.payload))
	case evClose:
		if e.code == 1005 {
			return "close without a code"
		}
		if len(e.payload) > 2 {
			return fmt.Sprintf("close %d %s", e.code, quoted(e.payload[2:]))
		}
		return fmt.Sprintf("close %d", e.code)
	case evEnd:
		return "TCP closed"
	case evReset:
		return "TCP broken: " + e.why
	case evIllegal:
		return "illegal: " + e.why
	}
	return "silence"
}

// summary joins events for a report, many of one sort as a count.
func summary(events []event, dropped int) string {
	if len(events) == 0 {
		return "nothing"
	}
	var parts []string
	for i := 0; i < len(events); {
		s := events[i].String()
		n := 1
		for i+n < len(events) && events[i+n].String() == s {
			n++
		}
		if n > 1 {
			s = fmt.Sprintf("%d × %s", n, s)
		}
		parts = append(parts, s)
		i += n
	}
	const most = 8
	if n := len(parts); n > most {
		parts = append(parts[:most-2:most-2], fmt.Sprintf("… %d more", n-most+1), parts[n-1])
	}
	if dropped > 0 {
		parts = append(parts, fmt.Sprintf("after %d earlier", dropped))
	}
	return strings.Join(parts, ", ")
}
