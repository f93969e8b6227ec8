package gate

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// LoopbackHosts are entries for [Gate.Hosts] by which a listener on a loopback
// address is reached: localhost, 127.0.0.0/8 and [::1], each with any port. The
// slice is the caller's.
func LoopbackHosts() []string {
	return []string{"localhost", "127.0.0.0/8", "[::1]"}
}

const hostText = "Host not allowed"

// judgeHost refuses a request whose Host is not one of g.Hosts. r.Host is the
// Host field, the authority of an absolute request target, or :authority.
func (g *Gate) judgeHost(r *http.Request) *Rejection {
	if g == nil || len(g.Hosts) == 0 {
		return nil
	}
	host, err := parseHost(r.Host)
	for _, entry := range g.Hosts {
		if entry == wildcard {
			return nil
		}
		if p, bad := parseHostPattern(entry); err == nil && bad == nil && p.matches(host) {
			return nil
		}
	}
	if err != nil {
		return g.reject(http.StatusForbidden, ErrHost, hostText, "Host %s is not a host: %v", quoted(r.Host), err)
	}
	return g.reject(http.StatusForbidden, ErrHost, hostText, "Host %s is not one of the Hosts %s: add %q to them if the server goes by that name",
		quoted(r.Host), quoted(strings.Join(g.Hosts, " ")), host.name)
}

// host is a parsed uri-host [ ":" port ], in the one form in which two of them
// are equal if and only if they are the same.
type host struct {
	name string     // lower case, ASCII; an IPv6 address in brackets
	addr netip.Addr // of an IP address; else the zero Addr
	port uint16     // 0: none was given
}

// parseHost reads the value of a Host field: host or host:port. It is strict
// where a lenient reading could make two different hosts equal, and refuses
// what no client sends: an empty port, port 0, a port with leading zeros, an
// IPv6 zone, an IPv4 address in any form but the dotted one. A dot at the end
// of a name is kept, since to a browser example.com. is another host than
// example.com.
func parseHost(s string) (host, error) { return parseHostAs(s, false) }

// parseHostAs also takes `*` as a label where stars is set.
func parseHostAs(s string, stars bool) (h host, err error) {
	name, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return host{}, errors.New(`a "[" without "]"`)
		}
		name, port = s[:end+1], s[end+1:]
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 {
		name, port = s[:colon], s[colon:]
	}
	if port != "" {
		if h.port, err = parsePort(port); err != nil {
			return host{}, err
		}
	}
	if strings.HasPrefix(name, "[") {
		h.addr, err = parseIPv6(name)
		h.name = "[" + h.addr.String() + "]"
	} else {
		h.name, h.addr, err = parseName(name, stars)
	}
	if err != nil {
		return host{}, err
	}
	return h, nil
}

// parsePort reads ":1" to ":65535".
func parsePort(s string) (uint16, error) {
	digits, colon := strings.CutPrefix(s, ":")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !colon || err != nil || digits[0] == '0' {
		return 0, fmt.Errorf("%s is not a port: want a colon and 1 to 65535 after the host, or nothing", quoted(s))
	}
	return uint16(n), nil
}

// parseIPv6 reads an address in brackets. A zone is refused: "An HTTP client,
// proxy, or other intermediary MUST remove any ZoneID attached to an outgoing
// URI, as it has only local significance at the sending host." RFC 6874 §4.
func parseIPv6(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s[1 : len(s)-1])
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%s is not an IPv6 address in brackets, without a zone", quoted(s))
	}
	return addr, nil
}

// parseName reads an IPv4 address, or a domain name whose labels it turns into
// lower-case ASCII.
func parseName(s string, stars bool) (string, netip.Addr, error) {
	var addr netip.Addr
	name, err := toASCII(s)
	if err != nil {
		return "", addr, err
	}
	if len(strings.TrimSuffix(name, ".")) > 253 {
		return "", addr, errors.New("longer than the 253 bytes of a domain name")
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for i, label := range labels {
		switch {
		case label == wildcard && stars && i < len(labels)-1:
		case label == wildcard && stars:
			return "", addr, errors.New("`*` stands for one label, but not for the last: name a domain after it")
		case label == "":
			return "", addr, errors.New("an empty label")
		case len(label) > 63:
			return "", addr, errors.New("a label of more than 63 bytes")
		case strings.ContainsFunc(label, notInLabel) && strings.Contains(label, "*") && stars:
			return "", addr, fmt.Errorf("label %s: `*` stands for a whole label, not for a part of one", quoted(label))
		case strings.ContainsFunc(label, notInLabel):
			return "", addr, fmt.Errorf("label %s: want letters, digits, hyphens and underscores", quoted(label))
		}
	}
	if !numeric(labels[len(labels)-1]) {
		return name, addr, nil
	}
	// To a browser a host that ends in a number is an IPv4 address, of which
	// 127.1, 0x7f.0.0.1 and 2130706433 are forms too. What it sends is the one
	// of four decimal numbers. URL Standard, "ends in a number checker".
	addr, err = netip.ParseAddr(name)
	if err != nil {
		return "", netip.Addr{}, fmt.Errorf("%s ends in a number, but is no IPv4 address of four decimal numbers", quoted(s))
	}
	return name, addr, nil
}

// toASCII is s in lower case, with each label that is not ASCII as RFC 5891
// looks it up. A label that is ASCII does not go that way: DNS has names with
// underscores, and with two hyphens where IDNA has a prefix, which it refuses.
// The result may still hold any ASCII character: a few beyond map to several,
// such as ℀ to a/c.
func toASCII(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errors.New("not UTF-8")
	}
	if isASCII(s) {
		return strings.ToLower(s), nil
	}
	labels := strings.Split(s, ".")
	for i, label := range labels {
		if isASCII(label) {
			labels[i] = strings.ToLower(label)
			continue
		}
		ascii, err := idna.Lookup.ToASCII(label)
		if err != nil {
			// Its own text repeats the label as it is, unfit for a log.
			return "", fmt.Errorf("label %s: IDNA has no such label", quoted(label))
		}
		labels[i] = ascii
	}
	return strings.Join(labels, "."), nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func notInLabel(r rune) bool {
	letter := 'a' <= r && r <= 'z'
	digit := '0' <= r && r <= '9'
	return !letter && !digit && r != '-' && r != '_'
}

// numeric reports whether a browser takes label, as the last one of a host, for
// a number: decimal, octal or hexadecimal.
func numeric(label string) bool {
	digits, isHex := strings.CutPrefix(label, "0x")
	return !strings.ContainsFunc(digits, func(r rune) bool {
		return !('0' <= r && r <= '9' || isHex && 'a' <= r && r <= 'f')
	})
}
