package site

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// at is the endpoints with lines for the host that r was sent to.
func at(endpoints []Endpoint, r *http.Request) []Endpoint {
	host := r.Host
	if host == "" { // HTTP/1.0
		host = "localhost"
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "80"
		if r.TLS != nil {
			port = "443"
		}
	}
	ws, http := "ws://", "http://"
	if r.TLS != nil {
		ws, http = "wss://", "https://"
	}
	fill := strings.NewReplacer("ws://HOST", ws+host, "http://HOST", http+host, "HOST", host, "NAME", name, "PORT", port)

	filled := slices.Clone(endpoints)
	for i, e := range filled {
		filled[i].Lines = make([]Line, len(e.Lines))
		for j, l := range e.Lines {
			filled[i].Lines[j] = Line{l.Tool, fill.Replace(l.Text)}
		}
	}
	return filled
}
