package wye

import (
	"net/http"
	"strings"
)

// withCookies is the hop's header with the cookies that the Jar has for it,
// behind the caller's own. The hop's own stays as it is.
func (h *hop) withCookies() http.Header {
	r := http.Request{Header: h.request.Header.Clone()}
	if h.Jar == nil {
		return r.Header
	}
	// "When the user agent generates an HTTP request, the user agent MUST NOT
	// attach more than one Cookie header field." RFC 6265 §5.4
	if own := takeField(r.Header, "Cookie"); len(own) > 0 {
		r.Header["Cookie"] = []string{strings.Join(own, "; ")}
	}
	for _, c := range h.Jar.Cookies(h.request.URL) {
		r.AddCookie(c)
	}
	return r.Header
}

// keepCookies stores what an answer sets, whether it switched or not. "The
// server can also set cookie-related option fields to _set_ cookies". RFC 6455
// §1.3
func (h *hop) keepCookies(resp *http.Response) {
	if h.Jar == nil || resp == nil {
		return
	}
	if cookies := resp.Cookies(); len(cookies) > 0 {
		h.Jar.SetCookies(h.request.URL, cookies)
	}
}
