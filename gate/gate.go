package gate

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// Gate says which requests may be switched. The zero value, and a nil *Gate,
// admit any Host and the same host's pages.
//
// Set the fields before the first request and leave them alone after: then any
// number of goroutines may use the Gate. [Gate.Validate] finds entries that
// cannot be understood; such an entry allows nothing.
type Gate struct {
	// Hosts is what the Host of a request must be one of; empty allows any.
	//
	// An entry is a host name or an IP address as it stands in a URL, so an
	// IPv6 address is in brackets, and may have a port; without one every
	// port is meant. In a name `*` stands for exactly one label, except for
	// the last: `*.example.com` is a.example.com, but neither example.com nor
	// a.b.example.com. An entry may also be a prefix of IP addresses in CIDR
	// notation (127.0.0.0/8), or `*` for any Host.
	//
	// A server that only this machine or this network should reach needs the
	// list, since the Origin is no help there: by DNS rebinding an attacker's
	// name is made to resolve to the server's address, and then the page, its
	// Origin and the Host all carry that name. See [LoopbackHosts].
	Hosts []string

	// Origins are the origins whose pages may connect besides those of the
	// request's own Host.
	//
	// An entry is scheme://host or scheme://host:port, nothing more. It is
	// written as for Hosts, but without a port it means the default port of
	// its scheme. Schemes that browsers and their kin invent are fine:
	// chrome-extension://abcdefgh, capacitor://localhost. What came over TLS
	// is never allowed to an http: origin, listed or not: whoever can change
	// that page on its way speaks in its name.
	//
	// Behind a proxy that does not pass the Host on, list the origin that the
	// browser sees.
	//
	// The entry `*` turns the judgement off: every page on the web, and every
	// sandboxed frame, may then connect with its visitor's cookies and, on a
	// private network, from its visitor's machine. That is right only where
	// anybody may see and do everything without being asked who they are.
	Origins []string
}

// Check judges r in both steps: [Gate.Admit], then [Pass.Authorize]. A non-nil
// error is a [*Rejection]. Otherwise the caller owns the Pass, and releases it
// once the upgraded connection has ended.
func (g *Gate) Check(r *http.Request) (*Pass, error) {
	p, err := g.Admit(r)
	if err != nil {
		return nil, err
	}
	if err := p.Authorize(r); err != nil {
		return nil, err
	}
	return p, nil
}

// Admit judges what must hold before a byte of the handshake is looked at: the
// Host. A non-nil error is a [*Rejection]. Otherwise the caller owns the Pass,
// even if the handshake fails next.
func (g *Gate) Admit(r *http.Request) (*Pass, error) {
	if err := g.judgeHost(r); err != nil {
		return nil, err
	}
	return &Pass{gate: g}, nil
}

// Pass is what an admitted request holds. It belongs to one request and then to
// the connection that the request became.
type Pass struct {
	// Principal names whom the request was made by, once that was verified.
	// Empty: nobody said.
	Principal string
	// Expires is when Principal stops being true, and the connection with it.
	// Zero: never.
	Expires time.Time

	gate     *Gate
	released atomic.Bool
}

// Authorize judges what comes after the handshake's syntax: the Origin. r is
// the request that was admitted. A non-nil error is a [*Rejection], and then
// the pass has been released.
func (p *Pass) Authorize(r *http.Request) error {
	var g *Gate
	if p != nil {
		if p.released.Load() {
			return &Rejection{Status: http.StatusInternalServerError, Err: errReleased}
		}
		g = p.gate
	}
	if err := g.judgeOrigin(r); err != nil {
		p.Release()
		return err
	}
	return nil
}

// errReleased is a mistake of the program, not of the client: what a released
// pass held may be another request's by now.
var errReleased = errors.New("gate: Authorize was called on a pass that was released: take a new one from Admit")

// Release gives back what the request held. Call it once the connection has
// ended, or will not be switched. Further calls, and calls on a nil *Pass, do
// nothing; it may be called from any goroutine.
func (p *Pass) Release() {
	if p != nil {
		p.released.Store(true)
	}
}
