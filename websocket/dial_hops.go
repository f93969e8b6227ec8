package websocket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wye-org/wye"
)

// follow dials rawURL and where it redirects to. Package wye is asked for one
// hop at a time, because each has cookies and a proxy of its own. header is
// follow's to change.
func (o *DialOptions) follow(ctx context.Context, rawURL string, header http.Header) (wye.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, o.handshakeTimeout())
	defer cancel()
	for redirects := 0; ; redirects++ {
		nc, resp, err := o.hop(ctx, rawURL, header)
		if redirects >= o.MaxRedirects || !errors.As(err, new(*wye.RefusedError)) {
			return nc, resp, err
		}
		next, why := redirect(resp, header)
		switch {
		case why != nil:
			return nil, resp, &wye.DialError{Stage: wye.StageRequest, URL: wye.DisplayURL(rawURL), Err: why}
		case next == "":
			return nil, resp, err
		}
		rawURL = next
	}
}

func (o *DialOptions) handshakeTimeout() time.Duration {
	if o.HandshakeTimeout > 0 {
		return o.HandshakeTimeout
	}
	return 10 * time.Second
}

// hop is one request and its answer.
func (o *DialOptions) hop(ctx context.Context, rawURL string, header http.Header) (wye.Conn, *http.Response, error) {
	netDial, u := o.NetDial, httpURL(rawURL)
	if u != nil { // else nothing will be sent
		header = o.withCookies(u, header)
		if o.Proxy != nil {
			header = withoutField(header, "Proxy-Authorization") // see proxyFor
		}
		via, err := o.proxyFor(ctx, u, header)
		if err != nil {
			return nil, nil, &wye.DialError{Stage: wye.StageConnect, URL: wye.DisplayURL(rawURL), Err: err}
		}
		if via != nil {
			netDial = via.dial
		}
	}
	nc, resp, err := wye.Dial(ctx, rawURL, &wye.DialOptions{
		Tokens:    []wye.Token{token},
		Header:    header,
		TLSConfig: o.TLSConfig,
		NetDial:   netDial,
		Timeout:   o.handshakeTimeout(),
	})
	o.keepCookies(u, resp)
	return nc, resp, err
}

// httpURL is raw as cookies and proxies know it: "ws" is http by another name,
// "wss" is https. nil: raw does not parse, as package wye will say.
func httpURL(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		return nil
	}
	u.Scheme = httpScheme(u.Scheme)
	if u.Path == "" {
		u.Path = "/" // RFC 6455 §3
	}
	return u
}

func httpScheme(s string) string {
	switch s = strings.ToLower(s); s {
	case "ws":
		return "http"
	case "wss":
		return "https"
	}
	return s
}

// credentials are the fields that must not follow a redirect to another origin.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie", "Cookie2"}

// redirect returns the URL that resp redirects to, and takes out of header what
// must not be sent there; "": resp is no redirect.
func redirect(resp *http.Response, header http.Header) (string, error) {
	if !slices.Contains([]int{301, 302, 303, 307, 308}, resp.StatusCode) || resp.Header.Get("Location") == "" {
		return "", nil
	}
	from := resp.Request.URL
	to, err := resp.Location()
	if err != nil {
		return "", errors.New("the server redirects to a URL that does not parse") // which may hold a secret
	}
	to.Scheme = httpScheme(to.Scheme)
	to.Fragment, to.RawFragment, to.User = "", "", nil
	switch {
	case from.Scheme == "https" && to.Scheme != "https":
		return "", fmt.Errorf("the server redirects from TLS to %s, without it", wye.DisplayURL(to.String()))
	case from.Scheme == to.Scheme && strings.EqualFold(from.Host, to.Host):
		to.User = from.User
	default:
		for _, name := range append(credentials, "Host") {
			deleteField(header, name)
		}
	}
	return to.String(), nil
}

// deleteField takes name out of h, which a caller has written as they liked.
func deleteField(h http.Header, name string) {
	for key := range h {
		if strings.EqualFold(key, name) {
			delete(h, key)
		}
	}
}

// field returns the values of name in h.
func field(h http.Header, name string) []string {
	var values []string
	for key, v := range h {
		if strings.EqualFold(key, name) {
			values = append(values, v...)
		}
	}
	return values
}

// withoutField is h without name; h stays as it is.
func withoutField(h http.Header, name string) http.Header {
	h = h.Clone()
	deleteField(h, name)
	return h
}
