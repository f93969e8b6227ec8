package wye

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxInformationals is how many 1xx responses may come before the answer.
const maxInformationals = 8

// HTTP1 is the carrier of RFC 9110 section 7.8: GET, Upgrade and 101, on a
// connection of its own.
type HTTP1 struct{}

// Name is "h1".
func (HTTP1) Name() string { return "h1" }

// Open sends the request over a connection of its own and reads the answer.
func (HTTP1) Open(ctx context.Context, a *Attempt) (Conn, *http.Response, error) {
	r := a.Request
	fail := func(stage Stage, err error) error {
		if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) {
			err = fmt.Errorf("%w (%w)", ctxErr, err)
		}
		return &DialError{stage, displayURL(r.URL), err}
	}
	transport, err := connect(ctx, a)
	if err != nil {
		return nil, nil, fail(StageConnect, err)
	}
	// From here on the end of ctx interrupts reads and writes.
	stop := context.AfterFunc(ctx, func() { transport.SetDeadline(past) })
	defer stop()
	nc := transport
	if r.URL.Scheme == "https" {
		tc := tls.Client(transport, tlsConfig(a))
		if err := tc.HandshakeContext(ctx); err != nil {
			transport.Close()
			return nil, nil, fail(StageTLS, err)
		}
		nc = tc
	}
	if err := a.Begin(ctx); err != nil {
		abort(nc)
		return nil, nil, fail(StageHandshake, err)
	}
	c, resp, err := a.exchange(nc)
	var refused *RefusedError
	switch {
	case err == nil && stop():
		return c, resp, nil
	case err == nil:
		// ctx ended in the same moment: its deadline may be set already.
		err = ctx.Err()
	case errors.As(err, &refused):
		nc.Close()
		return nil, resp, refused
	}
	abort(nc) // a TLS connection's Close may wait
	return nil, resp, fail(StageHandshake, err)
}

// past as a deadline interrupts what is under way.
var past = time.Unix(1, 0)

func connect(ctx context.Context, a *Attempt) (net.Conn, error) {
	dial := a.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return dial(ctx, "tcp", hostPort(a.Request.URL))
}

// hostPort is where u leads, for a dialler.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func tlsConfig(a *Attempt) *tls.Config {
	config := new(tls.Config)
	if a.TLSConfig != nil {
		config = a.TLSConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = strings.Cut(a.Request.URL.Hostname(), "%") // without an IPv6 zone
	}
	config.NextProtos = []string{"http/1.1"}
	return config
}

// exchange is the opening handshake: one request, one answer.
func (a *Attempt) exchange(nc net.Conn) (Conn, *http.Response, error) {
	r := a.switching()
	head := requestHead(r)
	a.tell(true, head)
	if _, err := nc.Write(head); err != nil {
		return nil, nil, err
	}
	limited := &io.LimitedReader{R: nc, N: int64(a.maxHead())}
	heads := &headReader{r: limited, tell: a.trace}
	br := bufio.NewReader(heads)
	resp, err := readAnswer(br, r, heads)
	if err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("the answer's head is over %d bytes", a.maxHead())
		} else if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = fmt.Errorf("the server closed the connection without an answer: %w", err)
		}
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		limited.N = maxRefusalBody + int64(a.maxHead()) // chunk headers count
		return nil, resp, ReadRefusal(resp, func() { nc.SetReadDeadline(past) })
	}
	resp.Body = http.NoBody
	if reason := a.wrong(resp); reason != "" {
		return nil, resp, &HandshakeError{resp, reason}
	}
	c := new(conn)
	c.reset(nc, early(br))
	return c, resp, nil
}

// switching is the request with the fields that ask to switch.
func (a *Attempt) switching() *http.Request {
	names := make([]string, len(a.Tokens))
	for i, t := range a.Tokens {
		names[i] = t.String()
	}
	r := *a.Request
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header["Upgrade"] = []string{strings.Join(names, ", ")}
	r.Header["Connection"] = []string{connectionOptions(a.connection)}
	return &r
}

// requestHead is written by hand because [http.Request.Write] adds a
// User-Agent and orders fields to its own taste.
func requestHead(r *http.Request) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	var fields bytes.Buffer
	r.Header.Write(&fields) // sorted; checkFields has judged them
	return append(append(b, fields.Bytes()...), "\r\n"...)
}

// readAnswer reads the final response. "A client MUST be able to parse one or
// more 1xx responses received prior to a final response." RFC 9110 §15.2
func readAnswer(br *bufio.Reader, r *http.Request, heads *headReader) (*http.Response, error) {
	for range maxInformationals {
		resp, err := http.ReadResponse(br, r)
		heads.end(br.Buffered())
		if err != nil || resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			heads.stop()
			return resp, err
		}
	}
	return nil, fmt.Errorf("over %d informational responses and no final one", maxInformationals)
}

// wrong returns what is wrong with a 101; empty: nothing.
func (a *Attempt) wrong(resp *http.Response) string {
	if a.judge == nil {
		return judge(resp, a.Tokens)
	}
	if err := a.judge(resp); err != nil {
		return err.Error()
	}
	return ""
}

// judge returns what is wrong with a 101; empty: nothing.
func judge(resp *http.Response, asked []Token) string {
	if resp.ProtoMajor != 1 || resp.ProtoMinor < 1 {
		return "it is " + resp.Proto + ", which has no Upgrade"
	}
	if !HasToken(resp.Header["Connection"], "upgrade") {
		return fmt.Sprintf("its Connection header is %q, want Upgrade", resp.Header["Connection"])
	}
	// "A server that sends a 101 … response MUST send an Upgrade header field
	// to indicate the new protocol(s)…" RFC 9110 §7.8
	chosen := parseTokens(resp.Header["Upgrade"])
	if len(chosen) != 1 || len(slices.Collect(elements(resp.Header["Upgrade"]))) != 1 {
		return fmt.Sprintf("its Upgrade header is %q, want one of the tokens asked for", resp.Header["Upgrade"])
	}
	if !slices.ContainsFunc(asked, chosen[0].Equal) {
		return fmt.Sprintf("it switches to %q, which was not asked for", chosen[0])
	}
	return ""
}
