package wye_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/wye-org/wye"
)

// lines is a protocol: each line comes back in capitals.
func lines(ctx context.Context, r *wye.Request, c wye.Conn) error {
	in := bufio.NewScanner(c)
	for in.Scan() {
		if _, err := fmt.Fprintln(c, strings.ToUpper(in.Text())); err != nil {
			return err
		}
	}
	return in.Err()
}

// A server offers a protocol of its own under a token, and ordinary pages to
// those who do not ask for it.
func ExampleSwitch() {
	handler := &wye.Switch{
		Protocols: []wye.Offer{{Token: wye.Token{Name: "lines", Version: "1"}, Protocol: wye.ProtocolFunc(lines)}},
		Fallback:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "a page") }),
	}
	srv := httptest.NewServer(handler)
	defer srv.Close()

	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: wye.example\r\nConnection: Upgrade\r\nUpgrade: other, lines/1\r\n\r\n")
	fmt.Fprint(c, "hello\n") // need not wait for the 101
	in := bufio.NewScanner(c)
	for range 5 {
		in.Scan()
		fmt.Println(in.Text())
	}
	// Output:
	// HTTP/1.1 101 Switching Protocols
	// Upgrade: lines/1
	// Connection: Upgrade
	//
	// HELLO
}

// A client asks for what it speaks, the preferred protocol first, and is told
// what was chosen.
func ExampleDial() {
	srv := httptest.NewServer(&wye.Switch{Protocols: []wye.Offer{
		{Token: wye.Token{Name: "lines", Version: "1"}, Protocol: wye.ProtocolFunc(lines)},
	}})
	defer srv.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel() // ends the dialling, not the connection
	c, resp, err := wye.Dial(ctx, srv.URL, &wye.DialOptions{
		Tokens: []wye.Token{{Name: "lines", Version: "2"}, {Name: "lines", Version: "1"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println("switched to", wye.Chosen(resp))
	fmt.Fprintln(c, "hello")
	c.CloseWrite()
	answer, err := io.ReadAll(c)
	fmt.Printf("%s%v\n", answer, err)
	// Output:
	// switched to lines/1
	// HELLO
	// <nil>
}

// A server that does not switch gives an ordinary response.
func ExampleRefusedError() {
	srv := httptest.NewServer(&wye.Switch{Protocols: []wye.Offer{
		{Token: wye.Token{Name: "lines", Version: "1"}, Protocol: wye.ProtocolFunc(lines)},
	}})
	defer srv.Close()

	_, _, err := wye.Dial(context.Background(), srv.URL, &wye.DialOptions{Tokens: []wye.Token{{Name: "lines", Version: "2"}}})
	var refused *wye.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Response.Status)
		fmt.Println("on offer:", refused.Response.Header.Get("Upgrade"))
		fmt.Printf("%s", refused.Body)
	}
	// Output:
	// 426 Upgrade Required
	// on offer: lines/1
	// Upgrade to lines/1 required: the request's Upgrade header does not list it
}

// A protocol may judge the request before the switch.
func ExampleProtocol() {
	srv := httptest.NewServer(&wye.Switch{Protocols: []wye.Offer{
		{Token: wye.Token{Name: "lines", Version: "1"}, Protocol: members{}},
	}})
	defer srv.Close()
	for _, key := range []string{"wrong", "open sesame"} {
		c, resp, err := wye.Dial(context.Background(), srv.URL, &wye.DialOptions{
			Tokens: []wye.Token{{Name: "lines", Version: "1"}},
			Header: http.Header{"X-Key": {key}},
		})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(resp.Status)
		c.Close()
	}
	// Output:
	// wye: the server answered 403 Forbidden: "Members only"
	// 101 Switching Protocols
}

// members lets those in who know the key.
type members struct{}

func (members) Check(r *http.Request, t wye.Token) (*wye.Agreement, error) {
	if r.Header.Get("X-Key") != "open sesame" {
		return nil, &wye.Refusal{Status: http.StatusForbidden, Text: "Members only"}
	}
	return &wye.Agreement{Principal: "a member", Serve: lines}, nil
}

// Shutdown waits for the upgraded connections, which http.Server.Shutdown
// forgets.
func ExampleShutdown() {
	goodbye := wye.ProtocolFunc(func(ctx context.Context, r *wye.Request, c wye.Conn) error {
		<-ctx.Done() // the server wants the connection gone
		_, err := fmt.Fprintln(c, "goodbye:", context.Cause(ctx))
		return err
	})
	token := wye.Token{Name: "wait", Version: "1"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &http.Server{Handler: &wye.Switch{Protocols: []wye.Offer{{Token: token, Protocol: goodbye}}}}
	ended := make(chan error)
	go func() { ended <- srv.Serve(l) }()

	c, _, err := wye.Dial(context.Background(), "http://"+l.Addr().String(), &wye.DialOptions{Tokens: []wye.Token{token}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	counts, err := wye.Shutdown(ctx, srv, wye.Drain{Restart: true})
	fmt.Printf("%+v %v\n", counts, err)
	fmt.Println(<-ended)
	io.Copy(stdout{}, c)
	// Output:
	// {Clean:1 Forced:0 Lost:0} <nil>
	// http: Server closed
	// goodbye: wye: server is restarting
}

// stdout is what the output of an example is compared with.
type stdout struct{}

func (stdout) Write(p []byte) (int, error) { return fmt.Print(string(p)) }

// A proxy joins what it accepts with what it dials.
func ExampleSplice() {
	token := wye.Token{Name: "lines", Version: "1"}
	behind := httptest.NewServer(&wye.Switch{Protocols: []wye.Offer{{Token: token, Protocol: wye.ProtocolFunc(lines)}}})
	defer behind.Close()
	proxy := httptest.NewServer(&wye.Switch{Protocols: []wye.Offer{{Token: token, Protocol: wye.ProtocolFunc(
		func(ctx context.Context, r *wye.Request, c wye.Conn) error {
			next, _, err := wye.Dial(ctx, behind.URL, &wye.DialOptions{Tokens: []wye.Token{token}})
			if err != nil {
				return err
			}
			_, _, err = wye.Splice(ctx, c, next)
			return err
		})}}})
	defer proxy.Close()

	c, _, err := wye.Dial(context.Background(), proxy.URL, &wye.DialOptions{Tokens: []wye.Token{token}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Fprintln(c, "through the proxy")
	c.CloseWrite()
	answer, err := io.ReadAll(c)
	fmt.Printf("%s%v\n", answer, err)
	// Output:
	// THROUGH THE PROXY
	// <nil>
}
