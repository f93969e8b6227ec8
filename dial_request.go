package wye

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// hop is one request of a dial: the first, or one that a redirect leads to.
type hop struct {
	*DialOptions
	request    *http.Request // as every carrier is to send it, but for what Prepare adds
	connection string        // the caller's Connection options
	tracing    *sync.Mutex   // held while Trace is called
}

// firstHop makes the request of the options.
func (o *DialOptions) firstHop(rawURL string) (*hop, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	for _, t := range o.Tokens {
		if !t.valid() {
			return nil, fmt.Errorf("%q is not an upgrade token", t)
		}
	}
	if len(o.Tokens) == 0 {
		return nil, errors.New("no upgrade token to ask for: set DialOptions.Tokens")
	}
	if slices.Contains(o.Carriers, nil) {
		return nil, errors.New("one of DialOptions.Carriers is nil")
	}
	method := o.Method
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) {
		return nil, fmt.Errorf("%q is not a method", method)
	}
	if o.Asterisk {
		if method != http.MethodOptions || u.Path != "/" || u.RawQuery != "" {
			return nil, errors.New("DialOptions.Asterisk needs the method OPTIONS, and a URL without path and query")
		}
		u.Path = "*" // which RequestURI leaves as it is
	}
	header := o.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	host := ""
	if v := takeField(header, "Host"); len(v) > 0 {
		host = v[0]
	}
	if host == "" {
		host = hostField(u)
	}
	connection := strings.Join(takeField(header, "Connection"), ", ")
	for _, name := range []string{"Upgrade", "Content-Length", "Transfer-Encoding", "Trailer"} {
		takeField(header, name)
	}
	if o.Proxy != nil {
		takeField(header, "Proxy-Authorization") // see via
	}
	if err := checkFields(header); err != nil {
		return nil, err
	}
	if strings.ContainsAny(host, " \t/?#@") || !isFieldValue(host+connection) {
		return nil, fmt.Errorf("the Host %q or the Connection options %q cannot be sent", host, connection)
	}
	if u.User != nil && !hasField(header, "Authorization") {
		r := http.Request{Header: header}
		password, _ := u.User.Password()
		r.SetBasicAuth(u.User.Username(), password)
	}
	return &hop{DialOptions: o, connection: connection, tracing: new(sync.Mutex), request: &http.Request{
		Method: method, URL: u, Host: host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}}, nil
}

// checkFields refuses what would end a line, or the head.
func checkFields(header http.Header) error {
	for name, values := range header {
		for _, v := range values {
			if !isToken(name) || !isFieldValue(v) {
				return fmt.Errorf("header field %q: the name must be a token, the value without control characters", name)
			}
		}
	}
	return nil
}

// attempts makes what each carrier is asked for.
func (h *hop) attempts(ctx context.Context, carriers []Carrier) ([]*Attempt, error) {
	header := h.withCookies()
	via, err := h.proxyFor(ctx, header)
	if err != nil {
		return nil, &DialError{StageConnect, displayURL(h.request.URL), err}
	}
	attempts := make([]*Attempt, len(carriers))
	for i, c := range carriers {
		a := &Attempt{
			Tokens: h.Tokens, Request: h.request.WithContext(ctx), TLSConfig: h.TLSConfig, NetDial: h.NetDial, MaxHead: h.MaxHead,
			connection: h.connection, judge: h.Judge, trace: h.traceAs(c.Name()),
		}
		a.Request.Header = header.Clone()
		if via != nil {
			a.NetDial, a.Proxy = via.tracedAs(a.trace).dial, via.url
		}
		if err := h.prepare(a.Request, c.Name()); err != nil {
			return nil, &DialError{StageRequest, displayURL(h.request.URL), err}
		}
		attempts[i] = a
	}
	return attempts, nil
}

func (h *hop) prepare(r *http.Request, carrier string) error {
	if h.Prepare == nil {
		return nil
	}
	if err := h.Prepare(r, carrier); err != nil {
		return err
	}
	for _, name := range []string{"Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Trailer"} {
		takeField(r.Header, name)
	}
	return checkFields(r.Header)
}

// connectionOptions keeps the options that the caller named (a protocol's own
// field may have to be listed, as h2c's is) and adds upgrade. "A sender of
// Upgrade MUST also send an "Upgrade" connection option…" RFC 9110 §7.8
func connectionOptions(named string) string {
	options := []string{"Upgrade"}
	for s := range elements([]string{named}) {
		if !strings.EqualFold(s, "upgrade") {
			options = append(options, s)
		}
	}
	return strings.Join(options, ", ")
}
