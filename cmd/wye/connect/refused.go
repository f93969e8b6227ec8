package connect

import (
	"bytes"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxLine is how much of a body's first line is shown, in bytes.
const maxLine = 200

// firstLine is what the body of a refusal in plain text begins with.
func firstLine(resp *http.Response, body []byte) string {
	if ct := resp.Header.Get("Content-Type"); ct != "" && !strings.HasPrefix(ct, "text/plain") {
		return ""
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	if len(line) <= maxLine {
		return string(bytes.TrimSpace(line))
	}
	line = line[:maxLine]
	for len(line) > 0 && !utf8.Valid(line[max(0, len(line)-utf8.UTFMax):]) {
		line = line[:len(line)-1]
	}
	return string(line) + "…"
}

// cutStatus parts "403 Forbidden".
func cutStatus(status string) (code, reason string, ok bool) { return strings.Cut(status, " ") }
