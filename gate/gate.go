package gate

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Gate says which requests may be switched. The zero value, and a nil *Gate,
// admit any Host and the same host's pages, as many as come, and ask nobody who
// they are.
//
// Set the fields before the first request and leave them alone after: then any
// number of goroutines may use the Gate. A Gate counts the clients that it let
// in, so it must not be copied then. [Gate.Validate] finds entries that cannot
// be understood; such an entry allows nothing.
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
	// browser sees, or see TrustForwardedHost.
	//
	// The entry `*` turns the judgement off: every page on the web, and every
	// sandboxed frame, may then connect with its visitor's cookies and, on a
	// private network, from its visitor's machine. That is right only where
	// anybody may see and do everything without being asked who they are.
	Origins []string

	// TrustedProxies are the addresses of proxies in front of the server, which
	// are believed when they say whom they pass a request on for: see
	// [Gate.Client]. A client whose address is among them can claim to be any
	// other, so list no more than the proxies.
	TrustedProxies []netip.Prefix

	// TrustForwardedHost takes the host that a page has to be served by from
	// the X-Forwarded-Host of a trusted proxy, if it has one value, instead of
	// from the Host. Set it only if the proxy writes that field on every
	// request, over what the client may have sent.
	TrustForwardedHost bool

	// Rate is how many requests a client may make, an address of IPv4 or a /64
	// of IPv6. Those that are refused count too. More are answered with 429.
	Rate Rate

	// MaxConnections and MaxConnectionsPerClient bound the connections that
	// there are at a time, from Admit until [Pass.Release]; 0 sets no bound.
	// More are answered with 503 and with 429. A client on a loopback address,
	// if it is no trusted proxy, is not bound by the second.
	MaxConnections          int
	MaxConnectionsPerClient int

	// Verifier says whose the token is that a request comes with. nil: nobody
	// is asked. The token is looked for in these places; if two of them differ
	// the request is refused with 400, and if there is none, with 401:
	//
	//   - Authorization: Bearer <token>, which a page cannot set on a WebSocket
	//   - the cookie of the name Cookie
	//   - Sec-WebSocket-Protocol: bearer.<token>, <a real subprotocol>
	//   - the query's token=<token>, which others may log and keep
	//   - the query's ticket=<ticket>: see [Gate.TicketHandler]
	//
	// A client that was wrong ten times in a minute has to wait.
	Verifier Verifier

	// Cookie is the name of a cookie that has a token for the Verifier; empty:
	// none has. It and `*` in Origins exclude each other, because a browser
	// sends the cookie along for whichever page asks: then cookies are not
	// believed, and Validate says so.
	Cookie string

	// Realm is what credentials are asked for, in printable ASCII without
	// quotes and backslashes. RFC 9110 §11.5. Empty: wye.
	Realm string

	rates    buckets // of Rate
	failures buckets // of failedCredentials
	slots    slots
	tickets  tickets
}

// Check judges r in both steps: [Gate.Admit], then [Pass.Authorize]. A non-nil
// error is a [*Rejection]. Otherwise the caller owns the Pass, and releases it
// once the upgraded connection has ended.
func (g *Gate) Check(r *http.Request) (*Pass, error) {
	p, err := g.check(r)
	if err != nil {
		return nil, err // not the *Rejection: a nil one is no nil error
	}
	return p, nil
}

func (g *Gate) check(r *http.Request) (*Pass, *Rejection) {
	p, err := g.admit(r)
	if err == nil {
		err = p.authorize(r)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Admit judges what must hold before a byte of the handshake is looked at: the
// Host, the Rate, the bounds of connections. A non-nil error is a [*Rejection].
// Otherwise the caller owns the Pass, even if the handshake fails next.
func (g *Gate) Admit(r *http.Request) (*Pass, error) {
	p, err := g.admit(r)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (g *Gate) admit(r *http.Request) (*Pass, *Rejection) {
	client, direct := g.client(r)
	p := &Pass{Client: client, gate: g}
	host, rate := g.judgeHost(r), g.judgeRate(client)
	if host != nil {
		return nil, host
	}
	if rate != nil {
		return nil, rate
	}
	if err := g.takeSlot(p, direct && client.IsLoopback()); err != nil {
		return nil, err
	}
	return p, nil
}

// Pass is what an admitted request holds. It belongs to one request and then to
// the connection that the request became.
type Pass struct {
	// Principal names whom the request was made by, once that was verified.
	// Empty: nobody said.
	Principal string
	// Expires is when Principal stops being true, and the connection with it:
	// a WebSocket is closed with 1008 then. Zero: never.
	Expires time.Time
	// Client is the address that the request counts for: see [Gate.Client].
	Client netip.Addr

	gate     *Gate
	slot     bool // it counts as a connection
	counted  bool // and as one of Client's
	byTicket bool
	released atomic.Bool
}

// Authorize judges what comes after the handshake's syntax: the Origin, then
// the credentials. r is the request that was admitted; call it once. A non-nil
// error is a [*Rejection], and then the pass has been released.
//
// In any case the credentials are taken out of r, in place, so that handlers
// and hooks do not see them: the Authorization, the cookie, the parameters of
// the query, also in r.RequestURI and r.Form. Subprotocols that begin with
// bearer. go even where there is no Verifier: no server may agree on one.
func (p *Pass) Authorize(r *http.Request) error {
	if err := p.authorize(r); err != nil {
		return err
	}
	return nil
}

func (p *Pass) authorize(r *http.Request) *Rejection {
	if p == nil {
		p = new(Pass)
	}
	g := p.gate
	c := g.takeCredentials(r)
	if p.released.Load() {
		return &Rejection{Status: http.StatusInternalServerError, Err: errReleased}
	}
	authorized := false
	defer func() {
		if !authorized { // also when a Verifier panics
			p.Release()
		}
	}()
	if err := g.judgeOrigin(r); err != nil {
		return err
	}
	if err := p.identify(r, c); err != nil {
		return err
	}
	authorized = true
	return nil
}

// errReleased is a mistake of the program, not of the client: what a released
// pass held may be another request's by now.
var errReleased = errors.New("gate: Authorize was called on a pass that was released: take a new one from Admit")

// Release gives back what the request held. Call it once the connection has
// ended, or will not be switched. Further calls, and calls on a nil *Pass, do
// nothing; it may be called from any goroutine.
func (p *Pass) Release() {
	if p != nil && p.released.CompareAndSwap(false, true) && p.slot {
		p.gate.slots.give(p)
	}
}

// cookies reports whether cookies are believed.
func (g *Gate) cookies() bool { return g.Cookie != "" && !slices.Contains(g.Origins, wildcard) }
