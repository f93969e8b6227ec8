package wye

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// ProxyError is what [Dial] returns, in a [*DialError], that did not get
// through its proxy.
type ProxyError struct {
	// Proxy is its URL, without userinfo and query.
	Proxy string

	// Response is what an HTTP proxy answered instead of opening a tunnel: 407
	// if it wants credentials, or others. Its Body gives ProxyError.Body and
	// need not be closed. nil: there was no answer, or the proxy speaks SOCKS.
	Response *http.Response

	// Body is the response's body, as much of it as came: at most 64 KiB
	// within 2 seconds.
	Body []byte

	// Err is what failed if it was not refused.
	Err error
}

func (e *ProxyError) Error() string {
	what := "wye: proxy " + e.Proxy + ": "
	if e.Response == nil {
		return what + e.Err.Error()
	}
	what += "it answered " + e.Response.Status
	if e.Response.StatusCode == http.StatusProxyAuthRequired {
		what += " (write user:password@ into its URL)"
	}
	if line := firstLine(e.Response, e.Body); line != "" {
		what += fmt.Sprintf(": %q", line)
	}
	return what
}

func (e *ProxyError) Unwrap() error { return e.Err }

// via is a proxy on the way to a server.
type via struct {
	url     *url.URL
	auth    string // the Proxy-Authorization for an HTTP proxy; empty: none
	tls     *tls.Config
	netDial func(ctx context.Context, network, address string) (net.Conn, error)
	trace   func(Head) // nil: nobody is told
}

// proxyFor asks the caller which proxy leads to the hop; nil: none does.
func (h *hop) proxyFor(ctx context.Context, header http.Header) (*via, error) {
	if h.Proxy == nil {
		return nil, nil
	}
	r := &http.Request{Method: h.request.Method, URL: h.request.URL, Host: h.request.URL.Host, Header: header.Clone()}
	p, err := h.Proxy(r.WithContext(ctx))
	if err != nil {
		return nil, &proxyChoiceError{err}
	}
	if p == nil {
		return nil, nil
	}
	v := &via{url: p, tls: h.ProxyTLSConfig, netDial: h.NetDial}
	if v.netDial == nil {
		v.netDial = new(net.Dialer).DialContext
	}
	for name, values := range h.Header {
		if strings.EqualFold(name, "Proxy-Authorization") && len(values) > 0 {
			v.auth = values[0]
		}
	}
	if p.User != nil {
		password, _ := p.User.Password()
		v.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(p.User.Username()+":"+password))
	}
	return v, nil
}

// tracedAs is v for one attempt, which trace is told of.
func (v via) tracedAs(trace func(Head)) *via {
	v.trace = trace
	return &v
}

// proxyChoiceError is an error of DialOptions.Proxy. What it says is not shown
// where it may quote a password: http.ProxyFromEnvironment quotes the whole of a
// URL that does not parse.
type proxyChoiceError struct{ err error }

func (e *proxyChoiceError) Error() string {
	if text := e.err.Error(); !strings.Contains(text, "@") {
		return "no proxy could be chosen: " + text
	}
	return "the proxy's URL does not parse: write user:password@host with reserved characters as %XX"
}

func (e *proxyChoiceError) Unwrap() error { return e.err }

// dial opens a tunnel through the proxy to address. It is a NetDial.
func (v *via) dial(ctx context.Context, _, address string) (net.Conn, error) {
	nc, err := v.open(ctx, tunnelTarget(address))
	if err == nil {
		return nc, nil
	}
	if refused, ok := err.(*ProxyError); ok {
		return nil, refused
	}
	return nil, &ProxyError{Proxy: displayURL(v.url), Err: err}
}

// open connects to the proxy and has it open a tunnel. ctx bounds all of it.
func (v *via) open(ctx context.Context, target string) (net.Conn, error) {
	scheme, address, err := proxyAddress(v.url)
	if err != nil {
		return nil, err
	}
	transport, err := v.netDial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// From here on the end of ctx interrupts reads and writes.
	stop := context.AfterFunc(ctx, func() { transport.SetDeadline(past) })
	defer stop()
	nc := transport
	if scheme == "https" {
		tc := tls.Client(transport, v.tlsConfig())
		if err := tc.HandshakeContext(ctx); err != nil {
			transport.Close()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		nc = tc
	}
	if strings.HasPrefix(scheme, "socks") {
		err = v.socks(nc, address, target)
	} else {
		err = v.connect(nc, target)
	}
	if err == nil && !stop() {
		err = ctx.Err() // in the same moment: its deadline may be set already
	}
	if err != nil {
		transport.Close()
		return nil, err
	}
	return nc, nil
}

// proxyAddress is what u says of how to reach the proxy.
func proxyAddress(u *url.URL) (scheme, address string, err error) {
	scheme = strings.ToLower(u.Scheme)
	port := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[scheme]
	switch {
	case port == "":
		return "", "", fmt.Errorf("its URL's scheme is %q: want http, https, socks5 or socks5h", u.Scheme)
	case u.Hostname() == "":
		return "", "", fmt.Errorf("its URL has no host: want one as in %s://host:%s", scheme, port)
	case u.Port() != "":
		port = u.Port()
	}
	return scheme, net.JoinHostPort(u.Hostname(), port), nil
}

func (v *via) tlsConfig() *tls.Config {
	config := new(tls.Config)
	if v.tls != nil {
		config = v.tls.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = v.url.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	return config
}

// tunnelTarget is address for somebody else to connect to: without the zone of
// an IPv6 address, which "has no meaning outside the host". RFC 6874 §4.
func tunnelTarget(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	host, _, _ = strings.Cut(host, "%")
	return net.JoinHostPort(host, port)
}
