package target

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Field is a header field as it was given.
type Field struct{ Name, Value string }

// ParseField reads "Name: value". Errors do not repeat the value, which may be a
// secret.
func ParseField(line string) (Field, error) {
	name, value, ok := strings.Cut(line, ":")
	switch {
	case !ok:
		return Field{}, errors.New(`no colon: want "Name: value"`)
	case name == "":
		return Field{}, errors.New(`no name before the colon: want "Name: value"`)
	}
	for _, c := range []byte(name) {
		// "field-name = token" RFC 9110 §5.1
		if !isTokenByte(c) {
			return Field{}, fmt.Errorf("the name %q has a %q, which names do not have", name, c)
		}
	}
	value = strings.Trim(value, " \t")
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return Field{}, fmt.Errorf("the value of %s has a control character", name)
		}
	}
	return Field{name, value}, nil
}

func isTokenByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// String is the field as [ParseField] reads it.
func (f Field) String() string { return f.Name + ": " + f.Value }

// maxHeaderFile bounds a file of header fields; servers take no more than that.
const maxHeaderFile = 64 << 10

// ParseFields reads a file of fields, one a line. Empty lines and those that
// begin with # are skipped.
func ParseFields(r io.Reader) ([]Field, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxHeaderFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeaderFile {
		return nil, fmt.Errorf("over %d bytes of header fields", maxHeaderFile)
	}
	var fields []Field
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			// "A sender MUST NOT generate a message that includes line folding"
			// RFC 9112 §5.2
			return nil, fmt.Errorf("line %d begins with a space: a field has to stand on one line", n)
		}
		f, err := ParseField(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// Header puts the fields together. Those that the handshake itself has are
// refused, with the flag that sets them where there is one.
func Header(fields []Field, websocket bool) (http.Header, error) {
	header := make(http.Header)
	for _, f := range fields {
		name := http.CanonicalHeaderKey(f.Name)
		switch {
		case name == "Upgrade":
			return nil, errors.New("the field Upgrade is set by --token")
		case name == "Content-Length" || name == "Transfer-Encoding" || name == "Trailer":
			return nil, fmt.Errorf("the field %s is about a body, and the request has none", f.Name)
		case websocket && name == "Sec-Websocket-Protocol":
			return nil, errors.New("the field Sec-WebSocket-Protocol is set by --subprotocol")
		case websocket && strings.HasPrefix(name, "Sec-Websocket-"):
			return nil, fmt.Errorf("the field %s belongs to the handshake and cannot be set", f.Name)
		case name == "Host" && header["Host"] != nil:
			return nil, errors.New("the field Host is there twice")
		}
		header[name] = append(header[name], f.Value)
	}
	return header, nil
}

// BearerToken reads a token from a file's text. RFC 6750 section 2.1: it has no
// spaces. Errors do not repeat it.
func BearerToken(text string) (string, error) {
	token := strings.TrimSpace(text)
	if token == "" {
		return "", errors.New("it is empty, want a token")
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c >= 0x7f {
			return "", errors.New("there is a space, a line end or another character in the token that no token has")
		}
	}
	return token, nil
}
