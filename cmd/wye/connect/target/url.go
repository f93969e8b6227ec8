package target

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/wye-org/wye"
)

// CheckURL says what is wrong with a URL to connect to, and which scheme was
// probably meant where there is none. The rest is judged when it is dialled.
func CheckURL(raw string) error {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		if raw == "" || strings.HasPrefix(raw, "/") {
			return errors.New("the URL is empty or only a path: want one such as ws://127.0.0.1:8080/echo")
		}
		return fmt.Errorf("the URL has no scheme: did you mean %s://%s?", likelyScheme(raw), wye.DisplayURL("//" + raw)[2:])
	}
	switch strings.ToLower(scheme) {
	case "ws", "wss", "http", "https":
	default:
		return fmt.Errorf("the scheme of the URL is %q: want ws, wss, http or https", scheme)
	}
	if rest == "" || rest[0] == '/' {
		return fmt.Errorf("the URL has no host: want one such as %s://127.0.0.1:8080/echo", scheme)
	}
	return nil
}

// likelyScheme guesses: TLS, unless the host is this machine or the port is one
// that speaks no TLS by custom.
func likelyScheme(raw string) string {
	u, err := url.Parse("ws://" + raw)
	if err != nil {
		return "wss"
	}
	switch port := u.Port(); {
	case port == "443" || port == "8443":
		return "wss"
	case port == "80" || port == "8080" || u.Hostname() == "localhost":
		return "ws"
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && (ip.IsLoopback() || ip.IsPrivate()) {
		return "ws"
	}
	return "wss"
}

// Secure reports whether a URL that [CheckURL] passes asks for TLS.
func Secure(raw string) bool {
	scheme, _, _ := strings.Cut(raw, "://")
	return strings.EqualFold(scheme, "wss") || strings.EqualFold(scheme, "https")
}
