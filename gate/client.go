package gate

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many proxies are looked past. What a client wrote itself is at
// the far end, so a longer list is no reason to refuse it.
const maxHops = 32

// Client returns the address of who made the request: the peer's, or what the
// TrustedProxies say of whom they passed the request on for. It is the zero
// Addr where the peer has none, as on a Unix socket.
//
// Each proxy appends the address of its own peer to the Forwarded or
// X-Forwarded-For field, so the rightmost address that is not a trusted proxy's
// is the last one that somebody trusted has seen; what is left of it anybody
// may have written. Where a trusted proxy tells nothing that can be understood,
// it is taken for the client itself. So it is where the request has both fields
// and they disagree, since one of them then came through as the client wrote
// it.
func (g *Gate) Client(r *http.Request) netip.Addr {
	client, _ := g.client(r)
	return client
}

// client also reports whether that is the peer's own address, and nobody else
// was asked.
func (g *Gate) client(r *http.Request) (client netip.Addr, direct bool) {
	peer := peerAddr(r)
	if !g.trusts(peer) {
		return peer, true
	}
	forwarded, listed := r.Header["Forwarded"], r.Header["X-Forwarded-For"]
	switch {
	case len(forwarded) > 0 && len(listed) > 0:
		a, b := g.lastForwarded(peer, forwarded), g.lastListed(peer, listed)
		if a != b {
			return peer, false
		}
		return a, false
	case len(forwarded) > 0:
		return g.lastForwarded(peer, forwarded), false
	}
	return g.lastListed(peer, listed), false
}

func peerAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// trusts reports whether addr is a proxy that tells the truth.
func (g *Gate) trusts(addr netip.Addr) bool {
	if g == nil || !addr.IsValid() {
		return false
	}
	for _, prefix := range g.TrustedProxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// lastListed walks the lines of X-Forwarded-For from the right, as one list.
func (g *Gate) lastListed(peer netip.Addr, lines []string) netip.Addr {
	client, hops := peer, 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var element string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, element = rest[:comma], rest[comma+1:]
			} else {
				rest, element, more = "", rest, false
			}
			addr, err := parseListed(strings.Trim(element, " \t"))
			if err != nil || hops == maxHops {
				return client
			}
			client, hops = addr, hops+1
			if !g.trusts(addr) {
				return client
			}
		}
	}
	return client
}

// parseListed reads an element of X-Forwarded-For, which no RFC describes: an
// address, which some proxies give a port.
func parseListed(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(s); err != nil {
			return parseBracketed(s)
		}
		addr = withPort.Addr()
	}
	return plainAddr(addr)
}

// lastForwarded walks the lines of Forwarded from the right. A quoted string
// can hold commas, so the list has to be read from its beginning; if any of it
// is malformed, it may be to hide where what the proxy wrote begins, and then
// none of it is believed.
func (g *Gate) lastForwarded(peer netip.Addr, lines []string) netip.Addr {
	elements, err := parseForwarded(lines)
	if err != nil {
		return peer
	}
	client := peer
	for i := len(elements) - 1; i >= 0 && len(elements)-i <= maxHops; i-- {
		addr, err := elements[i].address()
		if err != nil {
			return client // hidden on purpose, or unknown
		}
		if client = addr; !g.trusts(addr) {
			return client
		}
	}
	return client
}

// bucketKey is what a client is counted under. Who has one address of IPv6 has
// the 2^64 of its network.
func bucketKey(client netip.Addr) netip.Addr {
	if client.Is6() {
		if network, err := client.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return client
}
