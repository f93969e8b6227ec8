// Package stream reads a channel of a hub as server-sent events, and comes back where
// it was when the connection ends.
package stream

import (
	"bytes"
	"strconv"
	"time"
)

// An Event is one of an event stream, as the HTML standard has it (§9.2.6).
type Event struct {
	Name string // of the field event; "": message
	ID   string // the last that there was so far
	Data string // lines are separated by LF
}

// A Parser takes an event stream apart. The zero value is at its beginning.
type Parser struct {
	// Retry is how long the server wants to be waited for; 0: it did not say.
	Retry time.Duration

	line    []byte // a line that is not complete
	started bool   // the first line has begun
	wasCR   bool   // a LF that comes next belongs to the line before
	name    string // of the event
	data    []byte // of it
	hasData bool
	id      string // of the event, and of those that follow it
	over    bool   // the line, or the event, is too long
}

// maxEvent bounds an event, in bytes. The rest of one that is longer is not kept.
const maxEvent = 16 << 20

// keptBytes is what is kept for the next event of the room that one took.
const keptBytes = 64 << 10

// Parse takes bytes of the stream, and calls f with each event that is complete. An
// event that is too long it skips, and reports that there was one.
func (p *Parser) Parse(b []byte, f func(Event)) (tooLong bool) {
	for _, c := range b {
		switch {
		case c == '\n' && p.wasCR:
			p.wasCR = false
			continue
		case c == '\n', c == '\r':
			p.wasCR = c == '\r'
			tooLong = p.endLine(f) || tooLong
			continue
		}
		p.wasCR = false
		if len(p.line)+len(p.data) >= maxEvent {
			p.over = true
			continue
		}
		p.line = append(p.line, c)
	}
	return tooLong
}

// endLine takes in a line. An empty one dispatches the event.
func (p *Parser) endLine(f func(Event)) (tooLong bool) {
	line := p.line
	if !p.started {
		// "one leading U+FEFF BYTE ORDER MARK … must be stripped if present"
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
		p.started = true
	}
	if len(line) > 0 {
		name, value, _ := bytes.Cut(line, []byte(":"))
		p.field(string(name), string(bytes.TrimPrefix(value, []byte(" "))))
		p.line = p.line[:0]
		return false
	}
	tooLong = p.over
	if p.hasData && !tooLong {
		f(Event{p.name, p.id, string(p.data)})
	}
	p.name, p.hasData, p.over = "", false, false
	p.line, p.data = p.line[:0], p.data[:0]
	if cap(p.line)+cap(p.data) > keptBytes {
		p.line, p.data = nil, nil
	}
	return tooLong
}

// field takes in a line's field. What the standard does not know it ignores, and a
// comment is a field without name.
func (p *Parser) field(name, value string) {
	switch name {
	case "event":
		p.name = value
	case "data":
		if p.hasData {
			p.data = append(p.data, '\n')
		}
		p.data = append(p.data, value...)
		p.hasData = true
	case "id":
		if !bytes.ContainsRune([]byte(value), 0) {
			p.id = value
		}
	case "retry":
		if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
			p.Retry = time.Duration(ms) * time.Millisecond
		}
	}
}
