package wye

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What net/http does with a connection that is given up, one test a fact, and
// over real sockets where they matter.

// Bytes that the client sent early are in the hijacked Reader.
func TestEarlyBytesComeFirst(t *testing.T) {
	a := newAcceptor(nil)
	_, address := serve(t, a)

	t.Run("with the head", func(t *testing.T) {
		p := call(t, address)
		p.say(ask + "early ")
		p.want(switched)
		p.say("late")
		wantRead(t, a.conn(t), "early late")
	})
	t.Run("behind the head", func(t *testing.T) {
		p := call(t, address)
		p.say(ask[:len(ask)-1])
		p.say("\nearly")
		wantRead(t, a.conn(t), "early")
	})
	t.Run("more than the server buffers", func(t *testing.T) {
		p := call(t, address)
		early := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
		go io.WriteString(p, ask+early)                     // ends when that is read
		c := a.conn(t)
		wantRead(t, c, early)
		p.want(switched)
		speak(t, c, "and back")
		p.want("and back")
	})
	t.Run("in small reads", func(t *testing.T) {
		p := call(t, address)
		p.say(ask + "early")
		c := a.conn(t)
		for _, want := range "early" {
			if n, err := c.Read(nil); n != 0 || err != nil {
				t.Errorf("reading nothing: %d, %v", n, err)
			}
			wantRead(t, c, string(want))
		}
	})
	t.Run("and the rest when the client has gone", func(t *testing.T) {
		p := call(t, address)
		p.say(ask + "early")
		c := a.conn(t)
		p.want(switched)
		p.Conn.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "early" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

// The byte that net/http reads in the background, to notice a client's going
// away, is not lost.
func TestTheByteReadInTheBackground(t *testing.T) {
	a := newAcceptor(nil)
	entered, sent := make(chan struct{}), make(chan struct{})
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-sent
		for range 100 {
			runtime.Gosched() // a chance for the background read, which tells nobody
		}
		return w, r
	}
	_, address := serve(t, a)
	for range 10 {
		p := call(t, address)
		p.say(ask)
		receive(t, entered)
		p.say("early")
		sent <- struct{}{}
		p.want(switched)
		wantRead(t, a.conn(t), "early")
	}
}

// So is an unread request body with its chunk framing: "A client cannot begin
// using an upgraded protocol on the connection until it has completely sent the
// request message". RFC 9110 §7.8
func TestARequestBodyIsReadToItsEnd(t *testing.T) {
	a := newAcceptor(nil)
	_, address := serve(t, a)
	for _, tt := range []struct{ why, request string }{
		{"Content-Length", asking("POST", "Content-Length: 4") + "body"},
		{"no bytes", asking("POST", "Content-Length: 0")},
		{"chunked", asking("POST", "Transfer-Encoding: chunked") + "2\r\nbo\r\n2;ext=1\r\ndy\r\n0\r\n\r\n"},
		{"chunked, with a trailer", asking("POST", "Transfer-Encoding: chunked", "Trailer: X") + "4\r\nbody\r\n0\r\nX: y\r\n\r\n"},
		{"chunked, and empty", asking("POST", "Transfer-Encoding: chunked") + "0\r\n\r\n"},
		{"with GET", asking("GET", "Content-Length: 4") + "body"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			p := call(t, address)
			p.say(tt.request + "early")
			p.want(switched)
			wantRead(t, a.conn(t), "early")
		})
	}
	t.Run("half of it before", func(t *testing.T) {
		a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
			io.ReadFull(r.Body, make([]byte, 2))
			return w, r
		}
		defer func() { a.wrap = nil }()
		p := call(t, address)
		p.say(asking("POST", "Content-Length: 4") + "body" + "early")
		p.want(switched)
		wantRead(t, a.conn(t), "early")
	})
}

func TestARequestBodyIsReadBeforeTheHijack(t *testing.T) {
	a := newAcceptor(nil)
	read := false
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		body := r.Body
		r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
			n, err := body.Read(p)
			read = read || err == io.EOF
			return n, err
		}))
		return onHijack{w, func() {
			if !read {
				t.Error("hijacked before the body's end")
			}
		}}, r
	}
	_, address := serve(t, a)
	p := call(t, address)
	p.say(asking("POST", "Content-Length: 4") + "bo")
	p.say("dy")
	p.want(switched)
	a.conn(t)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// onHijack calls f before the connection is given up.
type onHijack struct {
	http.ResponseWriter
	f func()
}

func (w onHijack) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w onHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.f()
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func TestARequestBodyThatCannotBeRead(t *testing.T) {
	a := newAcceptor(&AcceptOptions{MaxBody: 10})
	_, address := serve(t, a)
	wantErr := func(t *testing.T, status int) {
		t.Helper()
		var refusal *Refusal
		if err := receive(t, a.errs); !errors.As(err, &refusal) || refusal.Status != status {
			t.Errorf("Accept returned %v", err)
		}
	}
	for _, tt := range []struct {
		why, request string
		status       int
	}{
		{"over the limit", asking("POST", "Content-Length: 11") + "01234567890", 413},
		{"chunked, over the limit", asking("POST", "Transfer-Encoding: chunked") + "b\r\n01234567890\r\n0\r\n\r\n", 413},
		{"over the limit, with a 100 expected: it is not asked for", asking("POST", "Content-Length: 11", "Expect: 100-continue"), 413},
		{"chunked, broken", asking("POST", "Transfer-Encoding: chunked") + "zz\r\nbody", 400},
	} {
		t.Run(tt.why, func(t *testing.T) {
			p := call(t, address)
			p.say(tt.request)
			resp := p.wantAnswer(tt.status, "body")
			if !resp.Close {
				t.Error("the connection is to be used again")
			}
			wantErr(t, tt.status)
			p.Conn.(*net.TCPConn).CloseWrite() // a server may wait for the body, within Timeout
			p.wantEnd()
		})
	}
	t.Run("it breaks off", func(t *testing.T) {
		p := call(t, address)
		p.say(asking("POST", "Content-Length: 9") + "0123")
		p.Conn.(*net.TCPConn).CloseWrite()
		p.wantAnswer(400, "broke off")
		wantErr(t, 400)
		p.wantEnd()
	})
	t.Run("at the limit", func(t *testing.T) {
		p := call(t, address)
		p.say(asking("POST", "Transfer-Encoding: chunked") + "a\r\n0123456789\r\n0\r\n\r\n" + "early")
		p.want(switched)
		wantRead(t, a.conn(t), "early")
	})
}

// "…the server MUST send a 100 (Continue) response before sending a 101
// (Switching Protocols) response." RFC 9110 §7.8
func TestExpectContinue(t *testing.T) {
	const continued = "HTTP/1.1 100 Continue\r\n\r\n"
	a := newAcceptor(nil)
	_, address := serve(t, a)
	for _, tt := range []struct{ why, head, body string }{
		{"without a body", asking("GET", "Expect: 100-continue"), ""},
		{"in any case", asking("GET", "Expect: 100-Continue"), ""},
		{"with no bytes of a body", asking("POST", "Expect: 100-continue", "Content-Length: 0"), ""},
		{"with a body", asking("POST", "Expect: 100-continue", "Content-Length: 4"), "body"},
		{"with a chunked body", asking("POST", "Expect: 100-continue", "Transfer-Encoding: chunked"), "4\r\nbody\r\n0\r\n\r\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			p := call(t, address)
			p.say(tt.head)
			p.want(continued)
			p.say(tt.body + "early")
			p.want(switched)
			wantRead(t, a.conn(t), "early")
		})
	}
}

// HTTP/1.0 with Upgrade does reach the handler. "A server that receives an
// Upgrade header field in an HTTP/1.0 request MUST ignore that Upgrade field."
// RFC 9110 §7.8
func TestHTTP10IsNoUpgrade(t *testing.T) {
	a := newAcceptor(nil)
	_, address := serve(t, a)
	p := call(t, address)
	p.say(strings.Replace(ask, "HTTP/1.1", "HTTP/1.0", 1))
	p.wantAnswer(426, "HTTP/1.0 has no Upgrade")
	receive(t, a.errs)

	fallback := &Switch{
		Protocols: []Offer{{example, wantNoServe(t)}},
		Fallback:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain") }),
	}
	_, address = serve(t, fallback)
	p = call(t, address)
	p.say(strings.Replace(asking("GET", "Expect: 100-continue"), "HTTP/1.1", "HTTP/1.0", 1))
	p.wantAnswer(200, "plain") // and no 100 or 101 before: RFC 9110 §15.2
}

// HTTP/2 with Upgrade is refused by net/http before the handler.
func TestHTTP2WithUpgradeDoesNotReachTheHandler(t *testing.T) {
	_, address := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it reached the handler")
	}), func(srv *http.Server) {
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetUnencryptedHTTP2(true)
	})
	p := call(t, address)
	p.say(http2.ClientPreface)
	framer := http2.NewFramer(p, p.in)
	framer.WriteSettings()
	var block strings.Builder
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "wye.example"}, {":path", "/"}, {"upgrade", "example/1"}} {
		encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true, EndStream: true})
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			return
		case *http2.HeadersFrame:
			fields, _ := hpack.NewDecoder(4096, nil).DecodeFull(frame.HeaderBlockFragment())
			if len(fields) > 0 && fields[0].Value == "400" {
				return
			}
			t.Fatalf("answered with %v", fields)
		}
	}
}

// Over HTTP/2 there is no Upgrade field to answer with either: RFC 9113 §8.2.2.
func TestHTTP2IsNoUpgrade(t *testing.T) {
	a := newAcceptor(nil)
	mux := http.NewServeMux()
	mux.Handle("/accept", a)
	mux.Handle("/switch", &Switch{Protocols: []Offer{{example, wantNoServe(t)}}, Advertise: true})
	mux.Handle("/advertise", &Switch{Protocols: []Offer{{example, wantNoServe(t)}}, Advertise: true, Fallback: http.NotFoundHandler()})
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for path, status := range map[string]int{"/accept": 400, "/switch": 400, "/advertise": 404} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != status || resp.Header["Upgrade"] != nil || resp.Header["Connection"] != nil {
			t.Errorf("%s: %v %v", path, resp.Status, resp.Header)
		}
		if status == 400 && !strings.Contains(string(body), "HTTP/2 has no Upgrade") {
			t.Errorf("%s: %s", path, body)
		}
	}
	receive(t, a.errs)
}

// Hijack clears both deadlines: those of the server do not survive the switch.
func TestTheServersDeadlinesDoNotSurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l := newAcceptor(nil), newPipes()
		srv := serveOn(t, l, a, func(srv *http.Server) {
			srv.ReadTimeout, srv.WriteTimeout, srv.ReadHeaderTimeout, srv.IdleTimeout = time.Second, time.Second, time.Second, time.Second
		})
		client, _ := l.dial(t.Context(), "", "")
		p := &peer{Conn: client, t: t, in: bufio.NewReader(client)}
		p.say(asking("POST", "Content-Length: 4") + "body")
		p.want(switched)
		c := <-a.conns
		time.Sleep(24 * time.Hour)
		go io.WriteString(p, "ping") // a pipe has no buffer; ends with the read
		wantRead(t, c, "ping")
		go io.WriteString(c, "pong")
		p.want("pong")
		p.Close()
		c.Close()
		srv.Close()
	})
}

// So the 101 needs a deadline of its own.
func TestTheSwitchHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l := newAcceptor(&AcceptOptions{Timeout: 3 * time.Second}), newPipes()
		srv := serveOn(t, l, a)
		client, _ := l.dial(t.Context(), "", "")
		began := time.Now()
		speak(t, client, ask) // and reads nothing
		err := <-a.errs
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if n := GroupOf(srv).Len(); n != 0 {
			t.Errorf("%d connections in the group", n)
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection is not closed: %v", err)
		}
		client.Close()
		srv.Close()
	})
}

func TestABodyThatDoesNotComeHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, l := newAcceptor(nil), newPipes()
		srv := serveOn(t, l, a)
		client, _ := l.dial(t.Context(), "", "")
		p := &peer{Conn: client, t: t, in: bufio.NewReader(client)}
		began := time.Now()
		p.say(asking("POST", "Content-Length: 4") + "bo")
		p.wantAnswer(400, "broke off")
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("after %v", d)
		}
		<-a.errs
		p.Close()
		srv.Close()
	})
}

// Server.Shutdown and Close both ignore hijacked connections.
func TestServerShutdownAndCloseIgnoreUpgradedConnections(t *testing.T) {
	for name, end := range map[string]func(*http.Server) error{
		"Shutdown": func(srv *http.Server) error { return srv.Shutdown(context.Background()) },
		"Close":    (*http.Server).Close,
	} {
		t.Run(name, func(t *testing.T) {
			a := newAcceptor(nil)
			srv, address := serve(t, a)
			p := call(t, address)
			p.say(ask)
			p.want(switched)
			c := a.conn(t)
			if err := end(srv); err != nil {
				t.Fatal(err)
			}
			p.say("still")
			wantRead(t, c, "still")
			if n := GroupOf(srv).Len(); n != 1 {
				t.Errorf("%d in the group", n)
			}
			c.Close()
			p.wantEnd()
			if n := GroupOf(srv).Len(); n != 0 {
				t.Errorf("%d in the group after Close", n)
			}
		})
	}
}

// r.Context() ends when the handler returns; the connection does not.
func TestTheRequestsContextEndsWithTheHandler(t *testing.T) {
	a := newAcceptor(nil)
	contexts := make(chan context.Context, 1)
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		contexts <- r.Context()
		return w, r
	}
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask)
	p.want(switched)
	c := a.conn(t)
	receive(t, receive(t, contexts).Done())
	p.say("on")
	wantRead(t, c, "on")
	speak(t, c, "and on")
	p.want("and on")
}

// Kept per idle connection: about nothing but the connection, once the handler
// has returned.
func TestNothingOfTheExchangeIsKept(t *testing.T) {
	a := newAcceptor(nil)
	request, buffers := make(chan weak.Pointer[http.Request], 1), make(chan weak.Pointer[bufio.ReadWriter], 1)
	reader, buffer := make(chan weak.Pointer[bufio.Reader], 1), make(chan weak.Pointer[byte], 1)
	a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
		request <- weak.Make(r)
		return tapHijack{w, func(rw *bufio.ReadWriter) {
			buffers <- weak.Make(rw)
			reader <- weak.Make(rw.Reader)
			b, _ := rw.Peek(1)
			buffer <- weak.Make(&b[0])
		}}, r
	}
	_, address := serve(t, a)
	p := call(t, address)
	p.say(ask + "early")
	p.want(switched)
	c := a.conn(t)
	r, rw, br, b := receive(t, request), receive(t, buffers), receive(t, reader), receive(t, buffer)
	eventually(t, "the request and the buffers are collected", func() bool {
		runtime.GC()
		return r.Value() == nil && rw.Value() == nil && br.Value() == nil && b.Value() == nil
	})
	wantRead(t, c, "early")
	p.say("late")
	wantRead(t, c, "late")
}

// tapHijack tells f what Hijack returned.
type tapHijack struct {
	http.ResponseWriter
	f func(*bufio.ReadWriter)
}

func (w tapHijack) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w tapHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.f(rw)
	}
	return c, rw, err
}

// w.(http.Hijacker) fails behind any wrapping middleware; the Unwrap chain does
// not.
func TestWrappedResponseWriters(t *testing.T) {
	type unwraps struct{ onHijack } // has Hijack and Unwrap
	t.Run("two layers of Unwrap", func(t *testing.T) {
		a := newAcceptor(nil)
		a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
			return onlyUnwrap{onlyUnwrap{w}}, r
		}
		_, address := serve(t, a)
		p := call(t, address)
		p.say(ask)
		p.want(switched)
		a.conn(t)
	})
	t.Run("its own Hijack behind an Unwrap", func(t *testing.T) {
		a, called := newAcceptor(nil), false
		a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
			return onlyUnwrap{unwraps{onHijack{w, func() { called = true }}}}, r
		}
		_, address := serve(t, a)
		p := call(t, address)
		p.say(ask)
		p.want(switched)
		a.conn(t)
		if !called {
			t.Error("the wrapper's Hijack was passed over")
		}
	})
	t.Run("a writer that holds the status back, as gin's does", func(t *testing.T) {
		a := newAcceptor(nil)
		a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
			return &lateStatus{ResponseWriter: w}, r
		}
		_, address := serve(t, a)
		p := call(t, address)
		p.say(asking("POST", "Content-Length: 4") + "body" + "early")
		p.want(switched)
		wantRead(t, a.conn(t), "early")
	})
	for _, tt := range []struct {
		why, names string
		wrap       func(http.ResponseWriter) http.ResponseWriter
	}{
		{"no Unwrap", "wye.bare", func(w http.ResponseWriter) http.ResponseWriter { return bareWriter{w} }},
		{"no Unwrap, one layer down", "wye.bare", func(w http.ResponseWriter) http.ResponseWriter { return onlyUnwrap{bareWriter{w}} }},
		{"a Hijack that fails", "wye.failingHijack", func(w http.ResponseWriter) http.ResponseWriter { return failingHijack{w} }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			a := newAcceptor(nil)
			a.wrap = func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
				return tt.wrap(w), r
			}
			srv, address := serve(t, a)
			p := call(t, address)
			p.say(ask)
			p.wantAnswer(500, "on the server's side")
			if err := receive(t, a.errs); !errors.Is(err, ErrNotHijackable) || !strings.Contains(err.Error(), tt.names) {
				t.Errorf("got %v, want %s named", err, tt.names)
			}
			if n := GroupOf(srv).Len(); n != 0 {
				t.Errorf("%d in the group", n)
			}
			p.say(ask) // the connection goes on
			p.wantAnswer(500, "")
		})
	}
}

// Under TimeoutHandler it is impossible.
func TestTimeoutHandler(t *testing.T) {
	a := newAcceptor(nil)
	_, address := serve(t, http.TimeoutHandler(a, time.Minute, ""))
	p := call(t, address)
	p.say(ask)
	p.wantAnswer(500, "on the server's side")
	if err := receive(t, a.errs); !errors.Is(err, ErrNotHijackable) || !strings.Contains(err.Error(), "*http.timeoutWriter") {
		t.Error(err)
	}
}

// A wrapper that takes the writer below for a Hijacker panics when it is none.
// That is its own affair; the group does not wait for a connection that never
// was, and the protocol is told.
func TestAHijackThatPanics(t *testing.T) {
	cancelled := make(chan struct{})
	protocol := protocolFunc(func(*http.Request, Token) (*Agreement, error) {
		return &Agreement{Serve: wantNoServe(t), Cancel: func() { close(cancelled) }}, nil
	})
	s := &Switch{Protocols: []Offer{{example, protocol}}}
	srv, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(&lateStatus{ResponseWriter: bareWriter{w}}, r)
	}))
	p := call(t, address)
	p.say(ask)
	receive(t, cancelled)
	p.wantEnd()
	if n := GroupOf(srv).Len(); n != 0 {
		t.Errorf("%d in the group", n)
	}
}

type onlyUnwrap struct{ http.ResponseWriter }

func (w onlyUnwrap) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type bareWriter struct{ http.ResponseWriter }

type failingHijack struct{ http.ResponseWriter }

func (failingHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}

// lateStatus sends the status with the first byte of the body, and not before.
type lateStatus struct {
	http.ResponseWriter
	status int
}

func (w *lateStatus) WriteHeader(status int) { w.status = status }
func (w *lateStatus) Write(p []byte) (int, error) {
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
		w.status = 0
	}
	return w.ResponseWriter.Write(p)
}
func (w *lateStatus) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

// wantNoServe is a Serve that is not to be called.
func wantNoServe(t *testing.T) ProtocolFunc {
	return func(context.Context, *Request, Conn) error {
		t.Error("Serve was called")
		return nil
	}
}

// protocolFunc is the Check of a Protocol.
type protocolFunc func(*http.Request, Token) (*Agreement, error)

func (f protocolFunc) Check(r *http.Request, t Token) (*Agreement, error) { return f(r, t) }
