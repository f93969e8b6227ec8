package gate

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// What a [Rejection] is about, for [errors.Is].
var (
	ErrHost   = errors.New("host not allowed")
	ErrOrigin = errors.New("origin not allowed")
)

// Rejection is a request that was not let in. The client is told the Status,
// the Header and the Text, which repeat nothing that it sent. Err is for the
// log: it quotes the values that were compared, cut to a length that cannot
// flood a log and escaped so that they cannot forge a line of one, and says
// which setting to change.
type Rejection struct {
	Status int         // 0: 403
	Header http.Header // further fields of the answer; nil: none
	Text   string      // the answer's body; empty: the status in words
	Err    error       // wraps ErrHost or ErrOrigin
}

// Error is for the log. It is not for the client: see [Rejection.Answer].
func (e *Rejection) Error() string {
	if e.Err == nil {
		_, _, text := e.Answer()
		return "gate: " + text
	}
	return e.Err.Error()
}

func (e *Rejection) Unwrap() error { return e.Err }

// Answer is what the client is told, as text/plain. The header belongs to the
// Rejection.
func (e *Rejection) Answer() (status int, header http.Header, text string) {
	status, text = e.Status, e.Text
	if status == 0 {
		status = http.StatusForbidden
	}
	if text == "" {
		text = http.StatusText(status)
	}
	return status, e.Header, text
}

// reject is the 403 that answers text and logs fact and what to do about it.
func (g *Gate) reject(fact error, text, format string, args ...any) error {
	err := fmt.Errorf("gate: %w: %s", fact, fmt.Sprintf(format, args...))
	for invalid := range g.invalid {
		// Maybe the very entry that should have let the request in. One is
		// enough for a line of log, Validate reports them all.
		err = fmt.Errorf("%w; besides, an entry is not understood: %w", err, invalid)
		break
	}
	return &Rejection{Status: http.StatusForbidden, Text: text, Err: err}
}

// quoted is s as an ASCII string literal: no line ends, no look-alike letters,
// and no more of it than helps.
func quoted(s string) string {
	const most = 256 // a host name has at most 253 bytes
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
