package conform

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of one case's wire log.
const (
	maxLogLines = 80
	maxLogHex   = 64 // bytes of a frame or head that are shown
)

// A LogLine is one thing that passed the wire, in words and in hex.
type LogLine struct {
	At   time.Duration `json:"at"`   // since the case began
	From string        `json:"from"` // "suite", "endpoint" or "" for a note
	What string        `json:"what"`
	Hex  string        `json:"hex,omitempty"`
}

// A wireLog keeps the first and the last lines of a conversation.
type wireLog struct {
	start time.Time
	quiet atomic.Bool // frames are not logged one by one

	mu      sync.Mutex
	lines   []LogLine
	dropped int
}

func (l *wireLog) add(line LogLine) {
	line.At = time.Since(l.start)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) >= maxLogLines {
		// Keep the first half and the newest of the other half.
		half := maxLogLines / 2
		copy(l.lines[half:], l.lines[half+1:])
		l.lines = l.lines[:maxLogLines-1]
		l.dropped++
	}
	l.lines = append(l.lines, line)
}

// snapshot is a copy with a note where lines were left out.
func (l *wireLog) snapshot() []LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := append([]LogLine(nil), l.lines...)
	if l.dropped > 0 {
		half := maxLogLines / 2
		gap := LogLine{At: out[half].At, What: fmt.Sprintf("… %d more …", l.dropped)}
		out = append(out[:half], append([]LogLine{gap}, out[half:]...)...)
	}
	return out
}

// shorten keeps the beginning and the end of a log.
func shorten(lines []LogLine) []LogLine {
	const ends = 8
	n := len(lines)
	if n <= 2*ends+1 {
		return lines
	}
	gap := LogLine{At: lines[ends].At, What: fmt.Sprintf("… %d more …", n-2*ends)}
	return slices.Concat(lines[:ends], []LogLine{gap}, lines[n-ends:])
}

func (l *wireLog) note(what string) { l.add(LogLine{What: what}) }

// head logs an HTTP head, redacting nothing: the suite sends no secrets, and a
// target's own are cut from its URL by the caller.
func (l *wireLog) head(from string, b []byte) {
	first, _, _ := strings.Cut(string(b), "\r\n")
	l.add(LogLine{From: from, What: first, Hex: "\n" + strings.TrimRight(strings.ReplaceAll(string(b[:min(len(b), 2048)]), "\r\n", "\n"), "\n")})
}

func (l *wireLog) received(raw []byte, h header, payload []byte) {
	if !l.quiet.Load() {
		l.add(LogLine{From: "endpoint", What: frameWords(h, payload), Hex: frameHex(raw, payload)})
	}
}

func (l *wireLog) sent(f Frame, masked bool, key [4]byte) {
	if l.quiet.Load() {
		return
	}
	raw := appendHead(nil, f, masked, key)
	h, _ := parseHeader(raw)
	l.add(LogLine{From: "suite", What: frameWords(h, f.Payload), Hex: frameHex(raw, f.Payload)})
}

// frameWords describes a frame: "text, 5 bytes, masked: "hello"".
func frameWords(h header, payload []byte) string {
	var b strings.Builder
	b.WriteString(opName(h.op))
	if !h.fin {
		b.WriteString(", more to come")
	}
	for i, bit := range []byte{rsv1, rsv2, rsv3} {
		if h.rsv&bit != 0 {
			fmt.Fprintf(&b, ", RSV%d", i+1)
		}
	}
	if h.length != uint64(len(payload)) {
		fmt.Fprintf(&b, ", %d bytes claimed", h.length)
	} else if h.length > 0 {
		fmt.Fprintf(&b, ", %s", sizeWords(int(h.length)))
	}
	if h.masked {
		b.WriteString(", masked")
	}
	if h.op == opClose && len(payload) >= 2 {
		fmt.Fprintf(&b, ": %d", int(payload[0])<<8|int(payload[1]))
		payload = payload[2:]
		if len(payload) > 0 {
			fmt.Fprintf(&b, " %s", quoted(payload))
		}
	} else if len(payload) > 0 && h.rsv == 0 {
		fmt.Fprintf(&b, ": %s", quoted(payload))
	}
	return b.String()
}

// frameHex shows a frame's head and, unmasked, the start of its payload.
func frameHex(head, payload []byte) string {
	s := fmt.Sprintf("% x", head)
	if len(payload) > 0 {
		s += fmt.Sprintf(" | % x", payload[:min(len(payload), maxLogHex)])
	}
	if len(payload) > maxLogHex {
		s += " …"
	}
	return s
}
