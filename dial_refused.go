package wye

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Bounds of a response that does not switch.
const (
	maxRefusalBody = 64 << 10
	maxRefusalWait = 2 * time.Second
)

// RefusedError is a server's ordinary response to an upgrade request: it did
// not switch. "A server MAY ignore a received Upgrade header field…" RFC 9110
// section 7.8: so the status may well be 200.
type RefusedError struct {
	// Response has the head as it came. Its Body gives RefusedError.Body and
	// need not be closed.
	Response *http.Response

	// Body is the response's body, as much of it as came: at most 64 KiB within
	// 2 seconds.
	Body []byte
}

func (e *RefusedError) Error() string {
	what := "wye: the server answered " + e.Response.Status
	if e.Response.StatusCode/100 == 2 {
		what += " and did not switch protocols"
	}
	if location := e.Response.Header.Get("Location"); location != "" && e.Response.StatusCode/100 == 3 {
		what += " (a redirect; none, or no further one, is followed: see MaxRedirects)"
	}
	if line := firstLine(e.Response, e.Body); line != "" {
		what += fmt.Sprintf(": %q", line)
	}
	return what
}

// firstLine is what a text body begins with.
func firstLine(resp *http.Response, body []byte) string {
	if ct := resp.Header.Get("Content-Type"); ct != "" && !strings.HasPrefix(ct, "text/plain") {
		return ""
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	return string(line[:min(len(line), 200)])
}

// ReadRefusal makes an error of a response that does not switch. It reads what
// may be kept of the body; what cuts that short is no error, for the status has
// come. interrupt has to end a read of the body that is under way: it is called
// if that takes too long. The connection is of no use afterwards.
func ReadRefusal(resp *http.Response, interrupt func()) *RefusedError {
	// A timer and not a deadline, which would put off the one that a context
	// has set.
	timer := time.AfterFunc(maxRefusalWait, interrupt)
	defer timer.Stop()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusalBody))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return &RefusedError{resp, body}
}
