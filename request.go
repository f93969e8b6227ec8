package wye

import (
	"context"
	"net"
	"net/http"
	"strconv"
)

// Request is what was asked for, detached from the HTTP exchange that asked: it
// may be kept and read for as long as the connection lives, also after the
// handler has returned.
type Request struct {
	// Request is a copy of the request: URL, Header, Host, RemoteAddr, TLS and
	// PathValue work as ever. It has no body, and its context is the upgraded
	// connection's.
	*http.Request

	Token     Token    // what was switched to
	LocalAddr net.Addr // nil where it is not known
	Principal string   // whom the request was made by, once verified; empty: nobody said
}

// Detach copies r for a connection that was switched to t. ctx should end when
// the connection does.
func Detach(ctx context.Context, r *http.Request, t Token) *Request {
	d := r.Clone(ctx)
	d.Body, d.GetBody, d.Form, d.PostForm, d.MultipartForm, d.Trailer = http.NoBody, nil, nil, nil, nil, nil
	d.ContentLength, d.TransferEncoding = 0, nil
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return &Request{Request: d, Token: t, LocalAddr: local}
}

// Carrier is the version of HTTP that the request came over: "h1", "h2" or
// "h3".
func (r *Request) Carrier() string { return "h" + strconv.Itoa(r.ProtoMajor) }
