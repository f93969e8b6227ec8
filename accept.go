package wye

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ErrNotHijackable is wrapped by what [Accept] returns when nothing behind the
// [http.ResponseWriter] gives its connection up.
var ErrNotHijackable = errors.New("the ResponseWriter does not give its connection up")

// AcceptOptions are the options of [Accept]. The zero value is the default.
type AcceptOptions struct {
	// Header has further fields for the 101; they replace those of the same
	// name in w.Header(), which are sent too. Connection, Upgrade and the
	// fields that describe a body are not taken from either.
	Header http.Header

	// Timeout bounds the reading of a request body, and then the writing of
	// the 101. 0: 10 seconds. Behind a ResponseWriter that has its own Hijack,
	// but no Unwrap that leads to a SetReadDeadline, it is the server's
	// ReadTimeout that bounds the reading.
	Timeout time.Duration

	// MaxBody is how many bytes of a request body are read and dropped before
	// the switch; a longer one is refused with 413. 0: 64 KiB.
	MaxBody int64

	// Group is what the connection joins. nil: the server's, see [GroupOf].
	Group *Group

	// Above are the protocols that go on over t, the lowest first: after
	// "Upgrade: TLS/1.2, HTTP/1.1" it is HTTP/1.1. They need not have been
	// asked for.
	Above []Token
}

func (o *AcceptOptions) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return 10 * time.Second
}

func (o *AcceptOptions) maxBody() int64 {
	if o.MaxBody > 0 {
		return o.MaxBody
	}
	return 64 << 10
}

func (o *AcceptOptions) group(r *http.Request) *Group {
	if o.Group != nil {
		return o.Group
	}
	return groupOf(r)
}

// Accept answers r with 101 (Switching Protocols) to t and returns the
// connection, on which the client speaks t next. t has to be one of
// [Requested](r). The caller must close it; w and r.Body are of no use any more.
// r.Context() goes on to end when the handler returns.
//
// An extended CONNECT of HTTP/2 or HTTP/3 is answered with 200, and its stream
// is the connection. Over HTTP/2 the stream ends with the handler: it has to
// stay until the connection has ended, and to close it before it returns.
// CloseWrite fails there with [errors.ErrUnsupported].
//
// On an error the answer has been written where one can still be: the handler
// should just return. A request body is read to its end first, because the
// client goes on in t only behind it.
func Accept(w http.ResponseWriter, r *http.Request, t Token, opts *AcceptOptions) (Conn, error) {
	if opts == nil {
		opts = new(AcceptOptions)
	}
	c, err := accept(w, r, t, opts)
	if err != nil {
		return nil, err // not c: a nil *conn is no nil Conn
	}
	return c, nil
}

func accept(w http.ResponseWriter, r *http.Request, t Token, opts *AcceptOptions) (*conn, error) {
	if !slices.ContainsFunc(Requested(r), t.Equal) {
		// "A server MUST NOT switch to a protocol that was not indicated by
		// the client in the corresponding request's Upgrade header field."
		// RFC 9110 §7.8
		err := upgradeRequired(r, t.String(), whyNoUpgrade(r))
		Answer(w, err)
		return nil, err
	}
	if connectProtocol(r) != "" {
		return acceptStream(w, r, t, opts)
	}
	head, err := switchingHead(w, r, t, opts)
	if err == nil {
		err = hijackable(w)
	}
	if err == nil {
		err = finishBody(w, r, opts)
	}
	if err != nil {
		Answer(w, err)
		return nil, err
	}

	c := new(conn)
	if c.member, err = opts.group(r).reserve(); err != nil {
		Answer(w, err)
		return nil, err
	}
	hijacked := false
	defer func() {
		if !hijacked { // also when a wrapper's Hijack panics
			c.member.Done()
		}
	}()
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		err = fmt.Errorf("wye: %w: Hijack of %T: %w", ErrNotHijackable, w, err)
		Answer(w, err)
		return nil, err
	}
	hijacked = true
	c.reset(nc, nil)
	if rw != nil {
		c.reset(nc, early(rw.Reader))
	}
	c.member.arm(c.Abort)
	if err := writeHead(nc, head, opts.timeout()); err != nil {
		c.Close()
		return nil, fmt.Errorf("wye: writing the 101: %w", err)
	}
	return c, nil
}

// switchingHead is the response that switches r to t.
func switchingHead(w http.ResponseWriter, r *http.Request, t Token, opts *AcceptOptions) ([]byte, error) {
	fields := switchingFields(w.Header(), opts.Header)
	if err := sendable(fields); err != nil {
		return nil, err
	}
	var b []byte
	if HasToken(r.Header["Expect"], "100-continue") && r.ContentLength == 0 {
		// "…the server MUST send a 100 (Continue) response before sending a
		// 101 (Switching Protocols) response." RFC 9110 §7.8. Where there is a
		// body, reading it has sent the 100.
		b = append(b, "HTTP/1.1 100 Continue\r\n\r\n"...)
	}
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: "...)
	b = append(b, t.String()...)
	for _, above := range opts.Above {
		// "If multiple protocol layers are being switched, the sender MUST
		// list the protocols in layer-ascending order." RFC 9110 §7.8
		if !above.valid() {
			return nil, fmt.Errorf("wye: %q is not an upgrade token", above)
		}
		b = append(append(b, ", "...), above.String()...)
	}
	b = append(b, "\r\nConnection: Upgrade\r\n"...)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range fields[name] {
			b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
		}
	}
	return append(b, "\r\n"...), nil
}

// sendable is nil if fields can be sent as they are.
func sendable(fields http.Header) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range fields[name] {
			if !isToken(name) || !isFieldValue(value) {
				return fmt.Errorf("wye: header field %q: %q cannot be sent in a 101: the name must be a token, the value without control characters", name, value)
			}
		}
	}
	return nil
}

// switchingFields are the fields of a 101 beside Upgrade and Connection. Names
// are compared without regard to case: a Header may be written to as a map.
func switchingFields(written, further http.Header) http.Header {
	fields := make(http.Header, len(written)+len(further))
	for name, values := range written {
		if !hasField(further, name) {
			fields[name] = values
		}
	}
	maps.Copy(fields, further)
	// "A server MUST NOT send a Content-Length header field in any response
	// with a status code of 1xx (Informational)…" RFC 9110 §8.6; likewise
	// Transfer-Encoding, RFC 9112 §6.1.
	for _, name := range []string{"Connection", "Upgrade", "Content-Length", "Content-Type", "Transfer-Encoding", "Trailer"} {
		takeField(fields, name)
	}
	return fields
}

func hasField(h http.Header, name string) bool {
	for key := range h {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// takeField removes a field from h, in whatever case its name is written there,
// and returns its values.
func takeField(h http.Header, name string) (values []string) {
	for key, v := range h {
		if strings.EqualFold(key, name) {
			values = append(values, v...)
			delete(h, key)
		}
	}
	return values
}

// upgradeRequired refuses r where nothing but a switch to one of offers will
// do.
func upgradeRequired(r *http.Request, offers, why string) *Refusal {
	refusal := &Refusal{
		// "A server that sends a 426 (Upgrade Required) response MUST send an
		// Upgrade header field to indicate the acceptable protocols, in order
		// of descending preference." RFC 9110 §7.8
		Status: http.StatusUpgradeRequired,
		Header: http.Header{"Upgrade": {offers}, "Connection": {"Upgrade"}},
		Text:   "Upgrade to " + offers + " required: " + why,
	}
	if r.ProtoMajor != 1 {
		// RFC 9113 §8.2.2 forbids that field, and so the status is not to be
		// had.
		refusal.Status, refusal.Header = http.StatusBadRequest, nil
		refusal.Text = "Extended CONNECT with :protocol " + offers + " required: " + why
	}
	if connectProtocol(r) != "" {
		// "…a server SHOULD respond to the request with a 501 (Not
		// Implemented) status code" to a :protocol that it does not know.
		// RFC 9220 §3
		refusal.Status = http.StatusNotImplemented
	}
	return refusal
}

// whyNoUpgrade tells a client what its request lacks to be switched.
func whyNoUpgrade(r *http.Request) string {
	switch upgrade := r.Header["Upgrade"]; {
	case !r.ProtoAtLeast(1, 1):
		return "send the request over HTTP/1.1, HTTP/1.0 has no Upgrade"
	case connectProtocol(r) != "":
		return fmt.Sprintf("the request's :protocol is %q", connectProtocol(r))
	case r.ProtoMajor > 1:
		return fmt.Sprintf("HTTP/%d has no Upgrade, and the request has no :protocol", r.ProtoMajor)
	case len(upgrade) > 0 && !HasToken(r.Header["Connection"], "upgrade"):
		return "the request has an Upgrade header, but its Connection header does not list upgrade"
	case len(upgrade) == 0:
		return "the request has no Upgrade header"
	}
	return "the request's Upgrade header does not list it"
}

// finishBody reads the request body to its end. "A client cannot begin using an
// upgraded protocol on the connection until it has completely sent the request
// message…" RFC 9110 §7.8
func finishBody(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	tooLong := &Refusal{Status: http.StatusRequestEntityTooLarge, Header: http.Header{"Connection": {"close"}},
		Text: fmt.Sprintf("An upgrade request may have a body of %d bytes at most", opts.maxBody())}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(opts.timeout())) // if it cannot be set, the server's own bound holds
	if r.ContentLength > opts.maxBody() {
		return tooLong // before a client that expects a 100 has sent any of it
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, opts.maxBody()+1))
	switch {
	case err != nil:
		return &Refusal{Status: http.StatusBadRequest, Header: http.Header{"Connection": {"close"}},
			Text: "The request body broke off", Err: fmt.Errorf("reading the request body: %w", err)}
	case n > opts.maxBody():
		return tooLong
	}
	return nil
}

// hijackable looks, as [http.ResponseController] does, for an [http.Hijacker]
// behind wrappers.
func hijackable(w http.ResponseWriter) error {
	for outer := w; ; {
		switch t := outer.(type) {
		case http.Hijacker:
			return nil
		case interface{ Unwrap() http.ResponseWriter }:
			outer = t.Unwrap()
		default:
			return fmt.Errorf("wye: %w: %T has no Hijack, and no Unwrap that leads to one; is it a middleware's wrapper (give it Unwrap) or http.TimeoutHandler's (serve upgrades outside of it)?", ErrNotHijackable, outer)
		}
	}
}

// early takes what the client sent after its request out of the server's
// buffer, so that the buffer can be dropped.
func early(br *bufio.Reader) []byte {
	n := br.Buffered()
	if n == 0 {
		return nil
	}
	b, _ := br.Peek(n) // never fails for what is buffered
	return slices.Clone(b)
}

// writeHead writes the 101 in one piece. It is written here and not by w,
// because some middleware (gin's, compressing ones) holds back a status until
// there is a body.
func writeHead(nc net.Conn, head []byte, timeout time.Duration) error {
	if err := nc.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := nc.Write(head); err != nil {
		return err
	}
	return nc.SetDeadline(time.Time{}) // a deadline for the request holds no longer
}
