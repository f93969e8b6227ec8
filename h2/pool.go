package h2

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/wye-org/wye"
)

// pool is the connections of a Transport.
type pool struct {
	mu      sync.Mutex // guards the rest; taken before a conn's
	closed  bool
	sites   map[site]*shared
	changed chan struct{} // closed when a waiter should look again; made by who waits
}

// site is what attempts have in common that share connections.
type site struct {
	scheme, address string
	tls             *tls.Config
	proxy           string
}

// shared is the connections to a site.
type shared struct {
	conns   []*conn
	dialing bool
}

func siteOf(a *wye.Attempt) site {
	s := site{scheme: a.Request.URL.Scheme, address: address(a.Request.URL)}
	if s.scheme == "https" {
		s.tls = a.TLSConfig
	}
	if a.Proxy != nil {
		s.proxy = a.Proxy.String()
	}
	return s
}

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// reserve returns a connection on which the caller may open a stream: by open,
// or release gives that up.
func (t *Transport) reserve(ctx context.Context, a *wye.Attempt) (*conn, error) {
	at := siteOf(a)
	for {
		t.mu.Lock()
		if t.closed {
			t.mu.Unlock()
			return nil, ErrClosed
		}
		s := t.sites[at]
		if s == nil {
			s = new(shared)
			if t.sites == nil {
				t.sites = make(map[site]*shared)
			}
			t.sites[at] = s
		}
		if i := slices.IndexFunc(s.conns, (*conn).reserve); i >= 0 {
			defer t.mu.Unlock()
			return s.conns[i], nil
		}
		if !s.dialing && len(s.conns) < t.maxConns() {
			s.dialing = true
			t.mu.Unlock()
			return t.dial(ctx, a, at)
		}
		changed := t.waitLocked()
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for a stream: %w", context.Cause(ctx))
		}
	}
}

// dial adds a connection to at, with a stream reserved on it.
func (t *Transport) dial(ctx context.Context, a *wye.Attempt, at site) (c *conn, err error) {
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		s := t.sites[at]
		s.dialing = false
		if err == nil && t.closed {
			err = ErrClosed
			go c.fail(0, ErrClosed) // ends at once; Close has not seen c
		}
		if err == nil {
			s.conns = append(s.conns, c)
			if c.dead() { // since, and forget found nothing
				s.conns = s.conns[:len(s.conns)-1]
			}
		}
		if len(s.conns) == 0 {
			delete(t.sites, at)
		}
		t.changedLocked()
	}()
	nc, err := connect(ctx, a, at)
	if err != nil {
		return nil, err
	}
	c = newConn(nc, t, at)
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// connect opens what HTTP/2 is spoken over.
func connect(ctx context.Context, a *wye.Attempt, at site) (net.Conn, error) {
	dial := a.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", at.address)
	if err != nil {
		return nil, &stageError{wye.StageConnect, err}
	}
	if at.scheme != "https" {
		return nc, nil // "prior knowledge", RFC 9113 §3.3
	}
	config := new(tls.Config)
	if a.TLSConfig != nil {
		config = a.TLSConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = strings.Cut(a.Request.URL.Hostname(), "%") // without an IPv6 zone
	}
	config.NextProtos = []string{"h2"}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12) // RFC 9113 §9.2
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, &stageError{wye.StageTLS, err}
	}
	if tc.ConnectionState().NegotiatedProtocol != "h2" {
		nc.Close()
		return nil, &stageError{wye.StageTLS, ErrNoHTTP2}
	}
	return tc, nil
}

// forget takes c out of the pool.
func (t *Transport) forget(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.sites[c.site]; s != nil {
		s.conns = slices.DeleteFunc(s.conns, func(other *conn) bool { return other == c })
		if len(s.conns) == 0 && !s.dialing {
			delete(t.sites, c.site)
		}
	}
	t.changedLocked()
}

// freed tells those who wait that a stream may be had.
func (t *Transport) freed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changedLocked()
}

func (p *pool) waitLocked() <-chan struct{} {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

func (p *pool) changedLocked() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}
