package conform

import (
	"bytes"
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

// An entry is a line that is put into words only if somebody reads it: most
// cases have hundreds and show a few.
type entry struct {
	at    time.Duration
	line  LogLine // where it is not a frame
	from  string
	raw   [14]byte // a frame's head as it stood on the wire
	rawN  uint8
	start []byte // of its payload
	size  int    // of its payload
}

func (e *entry) words() LogLine {
	l := e.line
	if e.rawN > 0 {
		h, _ := parseHeader(e.raw[:e.rawN])
		l = LogLine{From: e.from, What: frameWords(h, e.start, e.size), Hex: frameHex(e.raw[:e.rawN], e.start, e.size)}
	}
	l.At = e.at
	return l
}

// A wireLog keeps the first and the last lines of a conversation. Its methods
// may be called by several goroutines.
type wireLog struct {
	start time.Time
	quiet atomic.Bool // frames are not logged one by one

	mu      sync.Mutex
	first   []entry // what follows is protected by mu
	last    []entry // a ring once it is full; at is its oldest
	at      int
	dropped int
}

func (l *wireLog) put(e entry) {
	e.at = time.Since(l.start)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.first) < maxLogLines/2:
		l.first = append(l.first, e)
	case len(l.last) < maxLogLines/2:
		l.last = append(l.last, e)
	default:
		l.last[l.at] = e
		l.at = (l.at + 1) % len(l.last)
		l.dropped++
	}
}

func (l *wireLog) add(line LogLine) { l.put(entry{line: line}) }

// snapshot puts the log into words, with a note where lines were left out.
func (l *wireLog) snapshot() (out []LogLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.first {
		out = append(out, l.first[i].words())
	}
	if l.dropped > 0 {
		out = append(out, LogLine{At: l.last[l.at].at, What: fmt.Sprintf("… %d more …", l.dropped)})
	}
	for i := range l.last {
		out = append(out, l.last[(l.at+i)%len(l.last)].words())
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

func (l *wireLog) received(raw, payload []byte) { l.frame("endpoint", raw, payload) }

func (l *wireLog) sent(f Frame, masked bool, key [4]byte) {
	var raw [14]byte
	l.frame("suite", appendHead(raw[:0], f, masked, key), f.Payload)
}

func (l *wireLog) frame(from string, raw, payload []byte) {
	if l.quiet.Load() {
		return
	}
	e := entry{from: from, size: len(payload), rawN: uint8(len(raw)), start: bytes.Clone(payload[:min(len(payload), maxLogHex)])}
	copy(e.raw[:], raw)
	l.put(e)
}

// frameWords describes a frame of which the payload's start is known: "text,
// 5 bytes, masked: "hello"".
func frameWords(h header, start []byte, size int) string {
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
	if h.length != uint64(size) {
		fmt.Fprintf(&b, ", %d bytes claimed", h.length)
	} else if size > 0 {
		fmt.Fprintf(&b, ", %s", sizeWords(size))
	}
	if h.masked {
		b.WriteString(", masked")
	}
	switch {
	case h.op == opClose && size >= 2:
		fmt.Fprintf(&b, ": %d", int(start[0])<<8|int(start[1]))
		if size > 2 {
			fmt.Fprintf(&b, " %s", quoted(start[2:]))
		}
	case size > 0 && h.rsv == 0:
		fmt.Fprintf(&b, ": %s", quoted(start))
	}
	return b.String()
}

// frameHex shows a frame's head and, unmasked, the start of its payload.
func frameHex(head, start []byte, size int) string {
	s := fmt.Sprintf("% x", head)
	if size > 0 {
		s += fmt.Sprintf(" | % x", start)
	}
	if size > len(start) {
		s += " …"
	}
	return s
}
