package show

import (
	"strings"

	"github.com/wye-org/wye/gate"
)

// Head returns the head of a request or a response as it stood on the wire
// without credentials: what package gate takes for one.
func Head(head string) string {
	lines := strings.SplitAfter(head, "\n")
	name := "" // of the field that a line belongs to
	for i, line := range lines {
		text := strings.TrimRight(line, "\r\n")
		end := line[len(text):]
		field, value, ok := strings.Cut(text, ":")
		switch {
		case strings.HasPrefix(text, ":"):
			text = pseudo(text)
		case i == 0:
			text = startLine(text)
		case text == "":
		case text[0] == ' ' || text[0] == '\t':
			// A folded line goes on with its field. RFC 9112 §5.2
			text = text[:1] + gate.RedactField(name, text[1:])
		case ok:
			name = field
			value, space := cutSpace(value)
			text = field + ":" + space + gate.RedactField(name, value)
		default:
			text = gate.RedactText(text) // no field: nobody knows what it is
		}
		lines[i] = text + end
	}
	return strings.Join(lines, "")
}

// pseudo redacts a pseudo-header field of HTTP/2 or HTTP/3.
func pseudo(line string) string {
	if target, ok := strings.CutPrefix(line, ":path: "); ok {
		return ":path: " + gate.RedactURL(target)
	}
	return gate.RedactText(line)
}

// startLine redacts the target of a request, or the reason of a status.
func startLine(line string) string {
	method, rest, _ := strings.Cut(line, " ")
	target, version, ok := strings.Cut(rest, " ")
	if !ok || strings.HasPrefix(method, "HTTP/") {
		return gate.RedactText(line)
	}
	return method + " " + gate.RedactURL(target) + " " + version
}

// cutSpace parts the space at the beginning from the rest.
func cutSpace(s string) (rest, space string) {
	rest = strings.TrimLeft(s, " \t")
	return rest, s[:len(s)-len(rest)]
}
