package gate_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

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

// What cannot be understood is found when the program starts.
func ExampleGate_Validate() {
	g := &gate.Gate{Hosts: []string{"::1"}, Origins: []string{"example.com", "https://example.com/app"}}
	fmt.Println(g.Validate())
	// Output:
	// gate: Hosts[0] "::1": write an IPv6 address in brackets: [::1]
	// gate: Origins[0] "example.com": no scheme: write "https://example.com"
	// gate: Origins[1] "https://example.com/app": an origin has no path: write "https://example.com"
}
