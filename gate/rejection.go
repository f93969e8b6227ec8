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
	// ErrRate: the client asks too often.
	ErrRate = errors.New("too many requests")
	// ErrFull: there are as many connections as there may be.
	ErrFull = errors.New("too many connections")
	// ErrCredentials: they are missing, contradict each other or are nobody's.
	// A [Verifier] says the last by it.
	ErrCredentials = errors.New("credentials not accepted")
	// ErrVerifier: it could not be found out whose the credentials are.
	ErrVerifier = errors.New("credentials not verified")
)

// Rejection is a request that was not let in. The client is told the Status,
// the Header and the Text, which repeat nothing that it sent. Err is for the
// log: it quotes the values that were compared, cut to a length that cannot
// flood a log and escaped so that they cannot forge a line of one, and says
// which setting to change. Neither has a credential in it.
type Rejection struct {
	Status int         // 0: 403
	Header http.Header // further fields of the answer; nil: none
	Text   string      // the answer's body; empty: the status in words
	Err    error       // wraps one of the errors above
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

// write is the whole answer.
func (e *Rejection) write(w http.ResponseWriter) {
	status, header, text := e.Answer()
	for name, values := range header {
		w.Header()[name] = values
	}
	http.Error(w, text, status)
}

// reject answers text, and logs fact and what to do about it.
func (g *Gate) reject(status int, fact error, text, format string, args ...any) *Rejection {
	err := gateError(fact, format, args...)
	for invalid := range g.invalid {
		// Maybe the very entry that should have let the request in. One is
		// enough for a line of log, Validate reports them all.
		err = fmt.Errorf("%w; besides, an entry is not understood: %w", err, invalid)
		break
	}
	return &Rejection{Status: status, Text: text, Err: err}
}

// gateError is fact and what is to be said about it. It may wrap another error.
func gateError(fact error, format string, args ...any) error {
	return fmt.Errorf("gate: %w: %w", fact, fmt.Errorf(format, args...))
}

// quoted is s as an ASCII string literal: no line ends, no look-alike letters,
// no secrets, and no more of it than helps.
func quoted(s string) string {
	s = RedactURL(s)
	const most = 256 // a host name has at most 253 bytes
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
