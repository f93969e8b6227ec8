package rooms

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest name of a room or of a person, in bytes.
const MaxName = 64

// NameError says why a name was refused. It answers a request with 400.
type NameError struct {
	What   string // whose name: "room" or "name"
	Reason string
}

func (e *NameError) Error() string { return e.What + ": " + e.Reason }

// Answer is what a request that names such a room is answered with.
func (e *NameError) Answer() (status int, h http.Header, text string) {
	return http.StatusBadRequest, nil, e.Error()
}

// CleanName returns s without the space around it if that is a name which can
// be shown to others: 1 to [MaxName] bytes of valid UTF-8 with something to see
// in it, and nothing that moves or hides the text beside it. Otherwise the
// error is a *NameError about what, in words for a person.
func CleanName(what, s string) (string, error) {
	name := strings.TrimSpace(s)
	switch {
	case !utf8.ValidString(name):
		return "", &NameError{what, "not valid UTF-8"}
	case name == "":
		return "", &NameError{what, fmt.Sprintf("empty, want 1 to %d bytes", MaxName)}
	case len(name) > MaxName:
		return "", &NameError{what, fmt.Sprintf("%d bytes long, want at most %d", len(name), MaxName)}
	}
	seen := false
	for _, r := range name {
		if Unshowable(r) {
			return "", &NameError{what, fmt.Sprintf("has the control character %U", r)}
		}
		seen = seen || visible(r)
	}
	if !seen {
		return "", &NameError{what, "nothing in it can be seen"}
	}
	return name, nil
}

// Unshowable reports whether r is a control character, a line or paragraph
// separator, or one of the marks that turn the direction of text around it.
func Unshowable(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

func visible(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S)
}
