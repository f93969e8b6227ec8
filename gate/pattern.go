package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// wildcard as a whole entry allows everything. As a label in an entry it is any
// one label.
const wildcard = "*"

// hostPattern is an entry of Gate.Hosts other than wildcard.
type hostPattern struct {
	prefix netip.Prefix // of an entry in CIDR notation; else the zero Prefix
	host   host         // may have labels `*`; port 0 is any
}

func parseHostPattern(entry string) (hostPattern, error) {
	if strings.Contains(entry, "/") {
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			return hostPattern{}, errors.New("not a host, nor a prefix such as 127.0.0.0/8 or fd00::/8: Hosts takes example.com, not a URL")
		}
		return hostPattern{prefix: prefix}, nil
	}
	if addr, err := netip.ParseAddr(entry); err == nil && addr.Is6() {
		return hostPattern{}, fmt.Errorf("write an IPv6 address in brackets: [%s]", addr.WithZone(""))
	}
	h, err := parseHostAs(entry, true)
	return hostPattern{host: h}, err
}

func (p hostPattern) matches(h host) bool {
	if p.prefix.IsValid() {
		return p.prefix.Contains(h.addr)
	}
	return (p.host.port == 0 || p.host.port == h.port) && matchName(p.host.name, h.name)
}

// matchName reports whether name is pattern with each `*` replaced by one
// label. The last label of a pattern is never `*`, so that an address, whose
// labels are all numbers, is matched by itself alone.
func matchName(pattern, name string) bool {
	for {
		p, patternRest, more := strings.Cut(pattern, ".")
		n, nameRest, moreName := strings.Cut(name, ".")
		if p != n && p != wildcard || more != moreName {
			return false
		}
		if !more {
			return true
		}
		pattern, name = patternRest, nameRest
	}
}
