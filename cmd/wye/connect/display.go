package connect

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/websocket"
)

// display shows what comes. Its methods may be called concurrently. An error is
// one of standard output.
type display interface {
	message(typ websocket.MessageType, payload []byte) error
	bytes(p []byte) error
	event(e event)
	heads(parts []show.Part)
	note(format string, args ...any)
	failed() error // the first failed write of an event
}

// log is standard error, which has what is no payload.
type log struct {
	mu      sync.Mutex // guards all output
	err     io.Writer
	secrets bool
	first   error
}

// note writes a line for people.
func (l *log) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.err, "* %s\n", show.Text(fmt.Sprintf(format, args...)))
}

// heads writes the heads of a handshake: > what was sent, < what came.
func (l *log) heads(parts []show.Part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, part := range parts {
		head, mark := part.Head, "<"
		if !l.secrets {
			head = show.Head(head)
		}
		if part.Sent {
			mark = ">"
		}
		for line := range strings.Lines(head) {
			line = strings.TrimRight(mark+" "+show.Text(strings.TrimRight(line, "\r\n")), " ")
			fmt.Fprintln(l.err, line)
		}
	}
}

func (l *log) keep(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = err
	}
}

func (l *log) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// plain writes payloads to standard output: exactly where that is a pipe,
// escaped where it is a terminal.
type plain struct {
	out       io.Writer
	encoding  Encoding
	delimiter byte
	chatty    bool         // events are noted on standard error
	prefix    string       // before each message on a terminal
	screen    *show.Writer // escapes for a terminal; nil: out is none
	*log
}

func (d *plain) message(typ websocket.MessageType, payload []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := d.encoding.append(nil, payload)
	switch {
	case d.screen == nil:
		line = append(line, d.delimiter)
	case typ == websocket.MessageBinary && d.encoding <= Binary:
		line = fmt.Appendf([]byte(d.prefix), "(binary, %d bytes) %s\n", len(payload), show.Text(string(payload)))
	default:
		// What goes on in a next line is set in, so that it cannot pass for
		// something else.
		text := strings.ReplaceAll(string(show.Lines(nil, line)), "\n", "\n"+strings.Repeat(" ", len(d.prefix)))
		line = []byte(d.prefix + text + "\n")
	}
	_, err := d.out.Write(line)
	return err
}

func (d *plain) bytes(p []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.screen != nil {
		_, err := d.screen.Write(p)
		return err
	}
	_, err := d.out.Write(p)
	return err
}

func (d *plain) event(e event) {
	if words := e.words(); words != "" && (d.chatty || e.matter()) {
		d.note("%s", words)
	}
}

// isTerminal reports whether a person is at x.
func isTerminal(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newDisplay(o *Options, std Stdio) display {
	l := &log{err: std.Err, secrets: o.ShowSecrets}
	if o.JSON {
		return &jsonDisplay{out: std.Out, log: l}
	}
	d := &plain{out: std.Out, encoding: o.Encoding, delimiter: o.delimiter(), chatty: o.Verbose || isTerminal(std.Err), log: l}
	if isTerminal(std.Out) {
		d.screen = &show.Writer{W: std.Out}
	}
	return d
}

func (o *Options) delimiter() byte {
	if o.NUL {
		return 0
	}
	return '\n'
}
