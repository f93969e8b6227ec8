package wye

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// credentials are the fields that must not follow a redirect to another origin.
var credentials = []string{"Authorization", "Proxy-Authorization", "Www-Authenticate", "Cookie", "Cookie2", "Proxy-Authenticate"}

// redirect returns the hop that resp leads to; nil: resp is no redirect.
func (h *hop) redirect(resp *http.Response) (*hop, error) {
	r := h.request
	location := resp.Header.Get("Location")
	if location == "" || !slices.Contains([]int{301, 302, 303, 307, 308}, resp.StatusCode) {
		return nil, nil
	}
	target, err := r.URL.Parse(location)
	if err != nil {
		return nil, errors.New("the server redirects to a URL that does not parse")
	}
	target.Fragment, target.RawFragment = "", ""
	u, err := parseURL(target.String())
	if err != nil {
		return nil, fmt.Errorf("the server redirects: %w", err)
	}
	if r.URL.Scheme == "https" && u.Scheme != "https" {
		return nil, fmt.Errorf("the server redirects from TLS to %s, without it", displayURL(u))
	}
	next := *r
	next.URL, next.Header = u, r.Header.Clone()
	if u.Scheme != r.URL.Scheme || !strings.EqualFold(u.Host, r.URL.Host) {
		next.Host = hostField(u)
		for _, name := range credentials {
			takeField(next.Header, name)
		}
		u.User = nil
	}
	if resp.StatusCode == http.StatusSeeOther {
		next.Method = http.MethodGet
	}
	follow := *h
	follow.request = &next
	return &follow, nil
}
