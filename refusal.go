package wye

import (
	"errors"
	"io"
	"net/http"
	"strconv"
)

// Answerer is an error that knows which HTTP response says it to the client.
// What Error says is for the log; the client sees only the answer.
type Answerer interface {
	error
	// Answer returns the status, from 200 on, further header fields (nil: none)
	// and the text of the body, without a line end.
	Answer() (status int, header http.Header, text string)
}

// Refusal is an [Answerer] made of its parts.
type Refusal struct {
	Status int         // 0: 400
	Header http.Header // further fields of the response
	Text   string      // what the client is told; empty: the status in words
	Err    error       // what the log is told; nil: Text
}

func (e *Refusal) Error() string {
	_, _, text := e.Answer()
	if e.Err != nil {
		text = e.Err.Error()
	}
	return "wye: refused with " + strconv.Itoa(e.status()) + ": " + text
}

func (e *Refusal) Unwrap() error { return e.Err }

func (e *Refusal) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Answer implements [Answerer].
func (e *Refusal) Answer() (int, http.Header, string) {
	text := e.Text
	if text == "" {
		text = http.StatusText(e.status())
	}
	return e.status(), e.Header, text
}

// Answer writes the response that err stands for: an [Answerer]'s own, else 500
// without details.
func Answer(w http.ResponseWriter, err error) {
	status, header, text := http.StatusInternalServerError, http.Header(nil), "The upgrade failed on the server's side"
	var a Answerer
	if errors.As(err, &a) {
		// An interim status would not end the exchange, and an impossible one
		// panics.
		if s, h, t := a.Answer(); s >= 200 && s <= 999 {
			status, header, text = s, h, t
		}
	}
	w.Header().Del("Content-Length") // of the response that was meant to be
	for name, values := range header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}
