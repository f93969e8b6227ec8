package websocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket/wire"
)

// AcceptOptions are a server's. The zero value is the default.
type AcceptOptions struct {
	Options

	// Subprotocols are those that the server speaks. The first of the client's
	// list that is among them is agreed on.
	Subprotocols []string

	// RequireSubprotocol refuses, with 400, clients with which none is agreed
	// on. Without it the connection has none then.
	RequireSubprotocol bool

	// SelectSubprotocol chooses instead of Subprotocols: it gets those that
	// the client offers, in the client's order, and returns one of them or "".
	// An error refuses the request: a [wye.Answerer] says how, else with 400.
	SelectSubprotocol func(r *http.Request, offered []string) (string, error)

	// Gate judges requests. nil: pages of other hosts are refused.
	Gate *gate.Gate

	// Check has the last word: about a request that the gate has let in and
	// that is otherwise in order. An error refuses it: a [wye.Answerer] says
	// how, else with 500. nil: nothing is wrong.
	Check func(r *http.Request) error

	// Header has further fields of the 101, such as Set-Cookie.
	Header http.Header

	// Group is what the connection joins. nil: the [http.Server]'s.
	Group *wye.Group

	// Detach has a [Handler] run on a goroutine of the connection's own, so
	// that net/http's handler returns and its buffers, about 12 KB, are freed.
	// serve's ctx then has the values of the request's and ends when the
	// connection has ended; a panic is logged here, and no middleware sees
	// it. Over HTTP/2 net/http's handler stays, and all else is the same. It
	// has no effect on [Accept], nor in a [wye.Switch].
	Detach bool

	// Loop has callbacks for what comes, instead of reads. It has no effect on
	// a client. nil: the connection is read from.
	Loop *Loop

	// HandshakeTimeout bounds the writing of the 101. 0: 10 seconds.
	HandshakeTimeout time.Duration

	set *settings // Options, resolved; nil: not yet
}

// token is what WebSocket is switched to by. RFC 6455 §11.2.
var token = wye.Token{Name: "websocket"}

// Accept completes the opening handshake that r begins. RFC 6455 section 4.2.
//
// On an error the answer has been written: the handler should just return. What
// the client is told is in the answer; what was wrong in detail, such as the two
// values of an Origin that does not fit, is in the error and the log. nil opts
// are the default.
//
// An extended CONNECT of HTTP/2 or HTTP/3, RFC 8441 and RFC 9220, is as good as
// a GET with an Upgrade.
//
// The Conn may be used after the handler has returned. r.Context() ends then;
// the [wye.Group] goes on to know the connection. But over HTTP/2 it ends with
// the handler, which has to close it before it returns; [Handler] does.
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	if opts == nil {
		opts = new(AcceptOptions)
	}
	h, err := opening(r, opts)
	if err != nil {
		opts.logRefusal(r, err)
		wye.Answer(w, err)
		return nil, err
	}
	nc, err := wye.Accept(w, r, token, &wye.AcceptOptions{Header: h.header, Timeout: opts.HandshakeTimeout, Group: opts.Group})
	if err != nil {
		h.cancel()
		opts.logRefusal(r, err)
		return nil, err
	}
	return h.conn(nc, opts, wye.Detach(context.WithoutCancel(r.Context()), r, token)), nil
}

func (o *AcceptOptions) logRefusal(r *http.Request, err error) {
	if o.Hooks.Refused != nil {
		o.Hooks.Refused(r, err)
	}
	o.logger().LogAttrs(r.Context(), slog.LevelWarn, "websocket refused",
		slog.String("path", r.URL.Path), slog.String("remote", r.RemoteAddr), slog.Any("err", err))
}

// handshake is an opening handshake that is in order.
type handshake struct {
	pass    *gate.Pass
	subprot string
	agreed  wire.Agreed
	header  http.Header
}

// cancel gives back what the handshake holds, when there will be no connection.
func (h *handshake) cancel() {
	h.pass.Release()
	h.agreed.Release()
}

// opening judges r. The order is cheap before dear: what a refused client
// learns is the first thing that is wrong.
func opening(r *http.Request, opts *AcceptOptions) (h handshake, err error) {
	if h.pass, err = opts.Gate.Admit(r); err != nil {
		return h, err
	}
	if err = checkRequest(r); err == nil {
		err = h.pass.Authorize(r)
	}
	if err == nil {
		h.subprot, err = opts.subprotocol(r)
	}
	extensions := ""
	if err == nil {
		h.agreed, extensions, err = opts.Deflate.Accept(filled(r.Header["Sec-Websocket-Extensions"]))
		if err != nil {
			err = refuse(http.StatusBadRequest, "Invalid Sec-WebSocket-Extensions: "+err.Error())
		}
	}
	if err == nil && opts.Check != nil {
		err = opts.Check(r)
	}
	if err != nil {
		h.cancel()
		return h, err
	}
	h.header = make(http.Header, len(opts.Header)+2)
	for name, values := range opts.Header {
		if !reserved(name) {
			h.header[name] = values
		}
	}
	if keys := r.Header["Sec-Websocket-Key"]; r.ProtoMajor == 1 || checkKey(keys) == nil {
		// Beyond HTTP/1.1 the two fields are "not used", RFC 8441 §5. But
		// undici sends the one, and fails without the other.
		h.header["Sec-WebSocket-Accept"] = []string{wire.AcceptKey(keys[0])}
	}
	if extensions != "" {
		h.header["Sec-WebSocket-Extensions"] = []string{extensions}
	}
	if h.subprot != "" {
		h.header["Sec-WebSocket-Protocol"] = []string{h.subprot}
	}
	return h, nil
}

// reserved reports whether the handshake sets the field itself.
func reserved(name string) bool {
	return strings.HasPrefix(http.CanonicalHeaderKey(name), "Sec-Websocket-")
}

func (h handshake) conn(nc wye.Conn, opts *AcceptOptions, r *wye.Request) *Conn {
	c := opts.newConn(nc)
	r.Principal = h.pass.Principal
	c.subprot = h.subprot
	if opts.Gate != nil { // else it holds nothing
		c.release = h.pass.Release
	}
	c.request.Store(r)
	c.agree(h.agreed)
	c.start()
	if !h.pass.Expires.IsZero() {
		c.expireAt(h.pass.Expires)
	}
	return c
}

// refuse is a refusal of the handshake's syntax. The client is told what is
// wrong with its own request.
func refuse(status int, text string, header ...string) error {
	h := make(http.Header)
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = []string{header[i+1]}
	}
	return &wye.Refusal{Status: status, Text: "WebSocket upgrade failed: " + text, Header: h}
}

// checkRequest judges the client's opening handshake by RFC 6455 section 4.2.1,
// as far as it concerns everybody.
func checkRequest(r *http.Request) error {
	if r.ProtoMajor > 1 {
		return checkConnect(r)
	}
	if r.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "the method must be GET", "Allow", http.MethodGet)
	}
	if !slices.ContainsFunc(wye.Requested(r), token.Equal) {
		return refuse(http.StatusUpgradeRequired, whyNoUpgrade(r), "Upgrade", "websocket", "Connection", "Upgrade")
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		// What follows the head would be taken for frames by one and for a
		// body by another: nothing that comes after it is looked at.
		return refuse(http.StatusBadRequest, "the request must not have a body", "Connection", "close")
	}
	if err := checkVersion(r); err != nil {
		return err
	}
	return checkKey(r.Header["Sec-Websocket-Key"])
}

// checkConnect is checkRequest for HTTP/2 and HTTP/3. "An endpoint MUST NOT
// generate an HTTP/2 message containing connection-specific header fields." RFC
// 9113 §8.2.2: so no 426, which has to have one.
func checkConnect(r *http.Request) error {
	asked := wye.Requested(r)
	switch {
	case slices.ContainsFunc(asked, token.Equal):
		return checkVersion(r)
	case len(asked) > 0:
		// RFC 9220 §3
		return refuse(http.StatusNotImplemented, fmt.Sprintf("the request's :protocol is %q, want websocket", asked[0]))
	}
	return refuse(http.StatusBadRequest, whyNoUpgrade(r))
}

func whyNoUpgrade(r *http.Request) string {
	switch upgrade := r.Header["Upgrade"]; {
	case r.ProtoMajor > 1:
		return fmt.Sprintf("HTTP/%d has no Upgrade header; send an extended CONNECT with :protocol websocket, or the request over HTTP/1.1", r.ProtoMajor)
	case !r.ProtoAtLeast(1, 1):
		return "the request must be HTTP/1.1 or later"
	case !wye.HasToken(upgrade, "websocket"):
		return "the request has no Upgrade: websocket header"
	}
	return "the Connection header does not list upgrade, so the Upgrade header is not meant for this server; a proxy may have removed it"
}

// checkVersion: "If this version does not match a version understood by the
// server, the server MUST … send an appropriate HTTP error code (such as 426
// Upgrade Required) and a |Sec-WebSocket-Version| header field". RFC 6455 §4.2.2
func checkVersion(r *http.Request) error {
	const name = "Sec-WebSocket-Version"
	versions := r.Header["Sec-Websocket-Version"]
	switch {
	case len(versions) == 0:
		return refuse(http.StatusBadRequest, "the request has no Sec-WebSocket-Version header, want 13", name, "13")
	case len(versions) > 1:
		return refuse(http.StatusBadRequest, "the request has several Sec-WebSocket-Version headers, want one of 13", name, "13")
	case strings.TrimSpace(versions[0]) == "13":
		return nil
	}
	const only = "this server speaks Sec-WebSocket-Version 13 only"
	if r.ProtoMajor > 1 {
		return refuse(http.StatusBadRequest, only, name, "13")
	}
	return refuse(http.StatusUpgradeRequired, only, name, "13", "Upgrade", "websocket", "Connection", "Upgrade")
}

func checkKey(keys []string) error {
	const invalid = "Invalid Sec-WebSocket-Key: "
	switch len(keys) {
	case 0:
		return refuse(http.StatusBadRequest, invalid+"the header is missing")
	case 1:
		if err := wire.CheckKey(strings.TrimSpace(keys[0])); err != nil {
			return refuse(http.StatusBadRequest, invalid+err.Error())
		}
		return nil
	}
	return refuse(http.StatusBadRequest, invalid+"the header is there "+fmt.Sprint(len(keys))+" times, want once")
}

// filled are the lines that are not empty: some clients (Python's websockets,
// asked for no extensions) send an empty field for none.
func filled(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// subprotocol chooses what to speak over the connection. "…the value chosen
// MUST be derived from the client's handshake". RFC 6455 §4.2.2
func (o *AcceptOptions) subprotocol(r *http.Request) (string, error) {
	offered := listed(r.Header["Sec-Websocket-Protocol"])
	chosen := ""
	if o.SelectSubprotocol != nil {
		var err error
		if chosen, err = o.SelectSubprotocol(r, offered); err != nil {
			if a := wye.Answerer(nil); errors.As(err, &a) {
				return "", err
			}
			return "", &wye.Refusal{Status: http.StatusBadRequest, Text: "WebSocket upgrade failed: no subprotocol in common", Err: err}
		}
		if chosen != "" && !slices.Contains(offered, chosen) {
			return "", fmt.Errorf("websocket: SelectSubprotocol chose %q, which the client does not offer", chosen)
		}
	} else if i := slices.IndexFunc(offered, func(s string) bool { return slices.Contains(o.Subprotocols, s) }); i >= 0 {
		chosen = offered[i]
	}
	if chosen == "" && o.RequireSubprotocol {
		return "", refuse(http.StatusBadRequest, "no subprotocol in common; this server speaks "+strings.Join(o.Subprotocols, ", "))
	}
	return chosen, nil
}

// listed are the elements of a list of tokens, without those that are none.
// Subprotocols differ by case, RFC 6455 §4.1.
func listed(lines []string) []string {
	var tokens []string
	for s := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if s = strings.Trim(s, " \t"); s != "" && isToken(s) {
			tokens = append(tokens, s)
		}
	}
	return tokens
}

// isToken is the token rule of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	_, err := wye.ParseToken(s)
	return err == nil && !strings.Contains(s, "/")
}
