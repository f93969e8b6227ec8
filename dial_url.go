package wye

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// parseURL reads the URL of an upgrade request. ws: and wss: are http: and
// https: by another name here.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) && !strings.Contains(raw, "@") {
			return nil, fmt.Errorf("the URL does not parse: %w", ue.Err) // without the URL
		}
		// What is taken for a port may be a password.
		return nil, errors.New("the URL does not parse: write user:password@host with reserved characters as %XX")
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "ws":
		u.Scheme = "http"
	case "https", "wss":
		u.Scheme = "https"
	case "":
		return nil, errors.New("the URL has no scheme: want http, https, ws or wss, as in ws://host/path")
	default:
		return nil, fmt.Errorf("the URL's scheme is %q: want http, https, ws or wss", u.Scheme)
	}
	switch {
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		// "Fragment identifiers are meaningless in the context of WebSocket
		// URIs and MUST NOT be used on these URIs." RFC 6455 §3
		return nil, errors.New("the URL has a #fragment, which is never sent: remove it, or write # as %23")
	}
	if u.Host, err = asciiHost(u); err != nil {
		return nil, err
	}
	if u.Path == "" {
		u.Path = "/" // RFC 6455 §3; RFC 9110 §4.2.3
	}
	u.RawQuery = asciiQuery(u.RawQuery)
	return u, nil
}

// asciiQuery escapes what package url lets pass in a query, and the request line
// does not: a space would end the target there.
func asciiQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hostField is u's host and port for the Host field: without the zone of an
// IPv6 address, which "has no meaning outside the host", RFC 6874 §4, and
// without a colon that no port follows.
func hostField(u *url.URL) string {
	host, _, _ := strings.Cut(u.Hostname(), "%")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return host
}

// asciiHost is u's host and port with an internationalised name in its ASCII
// form. RFC 5891.
func asciiHost(u *url.URL) (string, error) {
	name := u.Hostname()
	if strings.IndexFunc(name, func(c rune) bool { return c >= 0x80 }) < 0 {
		return u.Host, nil
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("the URL's host %q is no domain name: %w", name, err)
	}
	if port := u.Port(); port != "" {
		ascii += ":" + port
	}
	return ascii, nil
}

// DisplayURL is a URL for people and logs: without userinfo and query, which may
// hold secrets.
func DisplayURL(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return displayURL(u)
	}
	return "(a URL that does not parse)"
}

func displayURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
