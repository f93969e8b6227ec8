package gate_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/wye-org/wye/gate"
)

// The zero Gate lets the pages of the server's own host in, and whatever is not
// a browser.
func ExampleGate_Check() {
	var g gate.Gate
	try := func(origin string) {
		r := httptest.NewRequest("GET", "http://chat.example/ws", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		pass, err := g.Check(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer pass.Release() // once the upgraded connection has ended
		fmt.Printf("let in: %q\n", origin)
	}
	try("https://chat.example")
	try("")
	try("https://evil.example")
	// Output:
	// let in: "https://chat.example"
	// let in: ""
	// gate: origin not allowed: Origin "https://evil.example", Host "chat.example": it is not the request's own host: add "https://evil.example" to Origins to allow its pages
}

// A handler answers with what the Rejection says, and logs the rest.
func ExampleRejection_Answer() {
	g := &gate.Gate{Origins: []string{"https://app.example", "https://*.app.example"}}
	handler := func(w http.ResponseWriter, r *http.Request) {
		pass, err := g.Check(r)
		var rejection *gate.Rejection
		if errors.As(err, &rejection) {
			status, _, text := rejection.Answer()
			http.Error(w, text, status)
			return
		}
		defer pass.Release()
		fmt.Fprintln(w, "welcome")
	}
	for _, origin := range []string{"https://beta.app.example", "https://evil.example"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "http://api.example/ws", nil)
		r.Header.Set("Origin", origin)
		handler(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 welcome
	// 403 Origin not allowed
}

// A server on a loopback address is reached by loopback names alone: whatever
// an attacker's name is made to resolve to, it does not pass.
func ExampleLoopbackHosts() {
	g := &gate.Gate{Hosts: append(gate.LoopbackHosts(), "dev.example")}
	for _, host := range []string{"localhost:8080", "[::1]:8080", "dev.example:8080", "rebound.example:8080"} {
		r := httptest.NewRequest("GET", "http://"+host+"/ws", nil)
		r.Header.Set("Origin", "http://"+host)
		_, err := g.Check(r)
		fmt.Println(host, err == nil)
	}
	// Output:
	// localhost:8080 true
	// [::1]:8080 true
	// dev.example:8080 true
	// rebound.example:8080 false
}

// Who may connect is a list of tokens. However the token came, the handler does
// not see it.
func ExampleTokens() {
	tokens, err := gate.ReadTokens(strings.NewReader("ada:2cKq6Yc0cJ0pbnPz"))
	if err != nil {
		fmt.Println(err)
		return
	}
	g := &gate.Gate{Verifier: tokens}
	for _, target := range []string{"/ws?room=1&token=2cKq6Yc0cJ0pbnPz", "/ws?room=1&token=guess", "/ws?room=1"} {
		r := httptest.NewRequest("GET", target, nil)
		pass, err := g.Check(r)
		if err != nil {
			status, _, text := err.(*gate.Rejection).Answer()
			fmt.Println(status, text)
			continue
		}
		fmt.Println(pass.Principal, "asks for", r.RequestURI)
		pass.Release() // once the upgraded connection has ended
	}
	// Output:
	// ada asks for /ws?room=1
	// 401 Credentials not accepted
	// 401 Credentials required
}

// Behind a proxy the client is whom the proxy vouches for, not whom the client
// claims to be.
func ExampleGate_Client() {
	g := &gate.Gate{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	r := httptest.NewRequest("GET", "/ws", nil)
	r.RemoteAddr = "10.0.0.7:41234"
	r.Header.Set("X-Forwarded-For", "127.0.0.1, 203.0.113.9, 10.0.0.3")
	fmt.Println(g.Client(r))
	// Output: 203.0.113.9
}

// A log in which no secret stands, whoever writes to it.
func ExampleRedactAttr() {
	noTime := func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return gate.RedactAttr(groups, a)
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: noTime}))
	err := &url.Error{Op: "dial", URL: "wss://ada:2cKq6Yc0@example.com/ws?token=cJ0pbnPz", Err: errors.New("refused")}
	log.Error("dialing", "err", err)
	log.Info("sent", "header", http.Header{"Cookie": {"sid=cJ0pbnPz"}, "Upgrade": {"websocket"}})
	// Output:
	// level=ERROR msg=dialing err="dial \"wss://REDACTED@example.com/ws?token=REDACTED\": refused"
	// level=INFO msg=sent header="map[Cookie:[sid=REDACTED] Upgrade:[websocket]]"
}

// What cannot be understood is found when the program starts.
func ExampleGate_Validate() {
	g := &gate.Gate{Hosts: []string{"::1"}, Origins: []string{"example.com", "https://example.com/app"}}
	fmt.Println(g.Validate())
	// Output:
	// gate: Hosts[0] "::1": write an IPv6 address in brackets: [::1]
	// gate: Origins[0] "example.com": no scheme: write "https://example.com"
	// gate: Origins[1] "https://example.com/app": an origin has no path: write "https://example.com"
}
