package gate

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// maxForwarded bounds what is read of the Forwarded fields of a request, in
// bytes. Beyond it nothing of them is believed.
const maxForwarded = 8 << 10

// forwardedElement is what one proxy says. Parameters other than these are
// read past.
type forwardedElement struct {
	node string // of the parameter "for", without quotes; empty: it was not there
}

var errForwarded = errors.New("gate: a Forwarded field is not as RFC 7239 has it")

// parseForwarded reads the lines of a request as one list, the proxy next to us
// last. RFC 7239 section 4:
//
//	Forwarded         = 1#forwarded-element
//	forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
//	forwarded-pair    = token "=" value
//	value             = token / quoted-string
func parseForwarded(lines []string) ([]forwardedElement, error) {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if size > maxForwarded {
		return nil, errForwarded
	}
	var elements []forwardedElement
	for _, line := range lines {
		for rest, more := line, true; more; {
			var e forwardedElement
			var err error
			if e, rest, more, err = parseForwardedElement(rest); err != nil {
				return nil, err
			}
			elements = append(elements, e)
		}
	}
	return elements, nil
}

// parseForwardedElement consumes an element and the comma after it, and reports
// whether there was one.
func parseForwardedElement(s string) (e forwardedElement, rest string, more bool, err error) {
	var seen []string
	s = strings.TrimLeft(s, " \t")
	for {
		if name, after, found := parseToken(s); found {
			value, ok := "", false
			if value, s, ok = parseForwardedValue(after); !ok {
				return e, "", false, errForwarded
			}
			name = strings.ToLower(name)
			// "Each parameter MUST NOT occur more than once per field-value."
			// RFC 7239 §4.
			for _, other := range seen {
				if other == name {
					return e, "", false, errForwarded
				}
			}
			if seen = append(seen, name); len(seen) > 16 {
				return e, "", false, errForwarded // four are registered
			}
			if name == "for" {
				e.node = value
			}
		}
		// The grammar has no space around ";", but some proxies do.
		s = strings.TrimLeft(s, " \t")
		switch {
		case s == "":
			return e, "", false, nil
		case s[0] == ',':
			return e, s[1:], true, nil
		case s[0] != ';':
			return e, "", false, errForwarded
		}
		s = strings.TrimLeft(s[1:], " \t")
	}
}

// parseForwardedValue consumes "=" and a token or a quoted-string.
func parseForwardedValue(s string) (value, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, "=")
	if !ok {
		return "", "", false
	}
	if strings.HasPrefix(s, `"`) {
		return parseQuoted(s)
	}
	return parseToken(s)
}

// parseToken consumes the token rule of RFC 9110 section 5.6.2.
func parseToken(s string) (token, rest string, found bool) {
	n := 0
	for n < len(s) && isTokenByte(s[n]) {
		n++
	}
	return s[:n], s[n:], n > 0
}

func isToken(s string) bool {
	_, rest, found := parseToken(s)
	return found && rest == ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// parseQuoted consumes the quoted-string rule of RFC 9110 section 5.6.4.
func parseQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c == '\\':
			if i++; i == len(s) || s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
				return "", "", false
			}
			b.WriteByte(s[i])
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// address reads e's node. RFC 7239 section 6:
//
//	node     = nodename [ ":" node-port ]
//	nodename = IPv4address / "[" IPv6address "]" / "unknown" / obfnode
//
// The last two are no addresses: they are errors here.
func (e forwardedElement) address() (netip.Addr, error) {
	if strings.HasPrefix(e.node, "[") {
		return parseBracketed(e.node)
	}
	name, port, hasPort := strings.Cut(e.node, ":")
	if hasPort && !isNodePort(port) {
		return netip.Addr{}, errForwarded
	}
	addr, err := netip.ParseAddr(name)
	if err != nil || !addr.Is4() {
		return netip.Addr{}, errForwarded
	}
	return addr, nil
}

// parseBracketed reads an IPv6 address in brackets, with or without a port.
func parseBracketed(s string) (netip.Addr, error) {
	name, rest, found := strings.Cut(s, "]")
	name, opened := strings.CutPrefix(name, "[")
	addr, err := netip.ParseAddr(name)
	if !found || !opened || err != nil || !addr.Is6() {
		return netip.Addr{}, errForwarded
	}
	if port, hasPort := strings.CutPrefix(rest, ":"); rest != "" && (!hasPort || !isNodePort(port)) {
		return netip.Addr{}, errForwarded
	}
	return plainAddr(addr)
}

// isNodePort is the rule node-port: a port, or "_" and a name for one.
func isNodePort(s string) bool {
	if name, hidden := strings.CutPrefix(s, "_"); hidden {
		for i := range len(name) {
			if c := name[i]; !(isTokenByte(c) && strings.IndexByte("!#$%&'*+^`|~", c) < 0) {
				return false
			}
		}
		return name != ""
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil && len(s) <= 5
}

// plainAddr is addr in the form in which two are equal if they are the same. A
// zone means something only to the proxy that wrote it.
func plainAddr(addr netip.Addr) (netip.Addr, error) {
	if addr.Zone() != "" {
		return netip.Addr{}, errors.New("gate: an address with a zone")
	}
	return addr.Unmap(), nil
}
