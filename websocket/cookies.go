package websocket

import (
	"net/http"
	"net/url"
	"strings"
)

// withCookies is header with the cookies that the Jar has for u, behind the
// caller's own. header stays as it is.
func (o *DialOptions) withCookies(u *url.URL, header http.Header) http.Header {
	if o.Jar == nil {
		return header
	}
	r := http.Request{Header: withoutField(header, "Cookie")}
	// "When the user agent generates an HTTP request, the user agent MUST NOT
	// attach more than one Cookie header field." RFC 6265 §5.4
	if own := field(header, "Cookie"); len(own) > 0 {
		r.Header["Cookie"] = []string{strings.Join(own, "; ")}
	}
	for _, c := range o.Jar.Cookies(u) {
		r.AddCookie(c)
	}
	return r.Header
}

// keepCookies stores what an answer from u sets, whether it switched or not.
// "The server can also set cookie-related option fields to _set_ cookies".
// RFC 6455 §1.3
func (o *DialOptions) keepCookies(u *url.URL, resp *http.Response) {
	if o.Jar == nil || u == nil || resp == nil {
		return
	}
	if cookies := resp.Cookies(); len(cookies) > 0 {
		o.Jar.SetCookies(u, cookies)
	}
}
