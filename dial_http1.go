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

// Bounds of a response that is no 101.
const (
	maxRefusalBody    = 64 << 10
	maxRefusalWait    = 2 * time.Second
	maxInformationals = 8 // 1xx responses before the answer
)

// RefusedError is a server's ordinary response to an upgrade request: it did
// not switch. "A server MAY ignore a received Upgrade header field…" RFC 9110
// section 7.8: so the status may well be 200.
type RefusedError struct {
	// Response has the head as it came. Its Body gives RefusedError.Body and
	// need not be closed.
	Response *http.Response

	// Body is the response's body, as much of it as came: at most 64 KiB within
	// 2 seconds.
	Body []byte
}

func (e *RefusedError) Error() string {
	what := "wye: the server answered " + e.Response.Status
	if e.Response.StatusCode/100 == 2 {
		what += " and did not switch protocols"
	}
	if location := e.Response.Header.Get("Location"); location != "" && e.Response.StatusCode/100 == 3 {
		what += " (a redirect; none, or no further one, is followed: see MaxRedirects)"
	}
	if line := e.firstLine(); line != "" {
		what += fmt.Sprintf(": %q", line)
	}
	return what
}

// firstLine is what a text body begins with.
func (e *RefusedError) firstLine() string {
	if ct := e.Response.Header.Get("Content-Type"); ct != "" && !strings.HasPrefix(ct, "text/plain") {
		return ""
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(e.Body), []byte("\n"))
	return string(line[:min(len(line), 200)])
}

// open sends r over a connection of its own and reads the answer.
func open(ctx context.Context, r *http.Request, opts *DialOptions) (Conn, *http.Response, error) {
	fail := func(stage Stage, err error) error {
		if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) {
			err = fmt.Errorf("%w (%w)", ctxErr, err)
		}
		return &DialError{stage, displayURL(r.URL), err}
	}
	transport, err := connect(ctx, r.URL, opts)
	if err != nil {
		return nil, nil, fail(StageConnect, err)
	}
	// From here on the end of ctx interrupts reads and writes.
	stop := context.AfterFunc(ctx, func() { transport.SetDeadline(past) })
	defer stop()
	nc := transport
	if r.URL.Scheme == "https" {
		tc := tls.Client(transport, tlsConfig(r, opts))
		if err := tc.HandshakeContext(ctx); err != nil {
			transport.Close()
			return nil, nil, fail(StageTLS, err)
		}
		nc = tc
	}
	c, resp, err := exchange(nc, r, opts)
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

func connect(ctx context.Context, u *url.URL, opts *DialOptions) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	dial := opts.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

func tlsConfig(r *http.Request, opts *DialOptions) *tls.Config {
	config := new(tls.Config)
	if opts.TLSConfig != nil {
		config = opts.TLSConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = strings.Cut(r.URL.Hostname(), "%") // without an IPv6 zone
	}
	config.NextProtos = []string{"http/1.1"}
	return config
}

// exchange is the opening handshake: one request, one answer.
func exchange(nc net.Conn, r *http.Request, opts *DialOptions) (Conn, *http.Response, error) {
	if _, err := nc.Write(requestHead(r)); err != nil {
		return nil, nil, err
	}
	limited := &io.LimitedReader{R: nc, N: int64(opts.maxHead())}
	br := bufio.NewReader(limited)
	resp, err := readAnswer(br, r)
	if err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("the answer's head is over %d bytes", opts.maxHead())
		} else if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = fmt.Errorf("the server closed the connection without an answer: %w", err)
		}
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		limited.N = maxRefusalBody + int64(opts.maxHead()) // chunk headers count
		return nil, resp, refusedBy(nc, resp)
	}
	resp.Body = http.NoBody
	if reason := judge(resp, opts.Tokens); reason != "" {
		return nil, resp, &HandshakeError{resp, reason}
	}
	c := new(conn)
	c.reset(nc, early(br))
	return c, resp, nil
}

// requestHead is written by hand because [http.Request.Write] adds a
// User-Agent and orders fields to its own taste.
func requestHead(r *http.Request) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	var fields bytes.Buffer
	r.Header.Write(&fields) // sorted; newRequest has judged them
	return append(append(b, fields.Bytes()...), "\r\n"...)
}

// readAnswer reads the final response. "A client MUST be able to parse one or
// more 1xx responses received prior to a final response." RFC 9110 §15.2
func readAnswer(br *bufio.Reader, r *http.Request) (*http.Response, error) {
	for range maxInformationals {
		resp, err := http.ReadResponse(br, r)
		if err != nil || resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
	return nil, fmt.Errorf("over %d informational responses and no final one", maxInformationals)
}

// refusedBy reads what it may of the body. What cuts it short is no error: the
// status has come.
func refusedBy(nc net.Conn, resp *http.Response) error {
	// A timer and not a deadline, which would put off the one that ctx has set.
	timer := time.AfterFunc(maxRefusalWait, func() { nc.SetReadDeadline(past) })
	defer timer.Stop() // nc is closed next
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusalBody))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return &RefusedError{resp, body}
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
