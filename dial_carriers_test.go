package wye

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// diary notes what happens, and when.
type diary struct {
	began time.Time
	mu    sync.Mutex // guards lines
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v ", time.Since(d.began))+fmt.Sprintf(format, args...))
}

func (d *diary) want(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got, want := inOrder(d.lines), inOrder(want); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d.lines = nil
}

// inOrder has the ends of attempts last: several may end in one moment.
func inOrder(lines []string) string {
	var deeds, ends []string
	for _, l := range lines {
		if strings.Contains(l, ": ") {
			ends = append(ends, l)
		} else {
			deeds = append(deeds, l)
		}
	}
	slices.Sort(ends)
	return strings.Join(append(deeds, ends...), "\n")
}

// acting is a carrier that takes its time to connect, and then to answer.
type acting struct {
	*diary
	name     string
	connect  time.Duration
	broken   error // instead of a connection
	answer   time.Duration
	status   int // 0: no answer, but an error
	location string
}

var (
	errNoRoute = errors.New("no route")
	errSpoke   = errors.New("reset in the middle")
)

func (c *acting) Name() string { return c.name }

func (c *acting) Open(ctx context.Context, a *Attempt) (Conn, *http.Response, error) {
	c.note("%s connects", c.name)
	if err := elapse(ctx, c.connect); err != nil {
		c.note("%s: %v", c.name, err)
		return nil, nil, err
	}
	if c.broken != nil {
		return nil, nil, &DialError{StageConnect, "http://x/", c.broken}
	}
	if err := a.Begin(ctx); err != nil {
		c.note("%s: %v", c.name, err)
		return nil, nil, err
	}
	c.note("%s asks %s %s", c.name, a.Request.URL, a.Request.Header.Get("Authorization"))
	if err := elapse(ctx, c.answer); err != nil {
		c.note("%s: %v", c.name, err)
		return nil, nil, err
	}
	if c.status == 0 {
		return nil, nil, errSpoke
	}
	resp := &http.Response{
		Status: fmt.Sprint(c.status), StatusCode: c.status, Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: http.Header{"Set-Cookie": {c.name + "=1"}}, Body: io.NopCloser(strings.NewReader("why")),
	}
	if c.location != "" {
		resp.Header.Set("Location", c.location)
	}
	if c.status == 101 {
		return nil, resp, &HandshakeError{resp, "there is no such thing"}
	}
	if c.status != 200 {
		return nil, resp, ReadRefusal(resp, func() {})
	}
	near, far := net.Pipe()
	far.Close()
	return &conn{Conn: near}, resp, nil
}

// elapse returns early with the cause of ctx's end.
func elapse(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// The carriers are tried in order, each with a head start; one at a time asks.
func TestDialCarriers(t *testing.T) {
	const forever = time.Hour
	refused := func(err error) bool { return errors.As(err, new(*RefusedError)) }
	fine := func(err error) bool { return err == nil }
	for _, tt := range []struct {
		why      string
		carriers []*acting
		ended    func(error) bool
		want     []string
	}{
		{"the first does", []*acting{{name: "h3", status: 200}, {name: "h2", status: 200}}, fine,
			[]string{"0s h3 connects", "0s h3 asks http://x/ "}},
		{"one that asks is waited for", []*acting{{name: "h3", answer: time.Second, status: 200}, {name: "h2", status: 200}}, fine,
			[]string{"0s h3 connects", "0s h3 asks http://x/ "}},
		{"a refusal is final", []*acting{{name: "h3", status: 403}, {name: "h2", status: 200}}, refused,
			[]string{"0s h3 connects", "0s h3 asks http://x/ "}},
		{"a false 101 is final", []*acting{{name: "h3", status: 101}, {name: "h2", status: 200}}, func(err error) bool { return errors.As(err, new(*HandshakeError)) },
			[]string{"0s h3 connects", "0s h3 asks http://x/ "}},
		{"one that cannot connect falls through at once", []*acting{{name: "h3", broken: errNoRoute}, {name: "h2", broken: errNoRoute}, {name: "h1", status: 200}}, fine,
			[]string{"0s h3 connects", "0s h2 connects", "0s h1 connects", "0s h1 asks http://x/ "}},
		{"one that does not connect gets company", []*acting{{name: "h3", connect: forever}, {name: "h2", connect: forever}, {name: "h1", connect: time.Second, status: 200}}, fine,
			[]string{"0s h3 connects", "250ms h2 connects", "500ms h1 connects", "1.5s h1 asks http://x/ ", "1.5s h2: another carrier was faster", "1.5s h3: another carrier was faster"}},
		{"and may yet be the faster", []*acting{{name: "h3", connect: 300 * time.Millisecond, status: 200}, {name: "h2", connect: time.Second, status: 200}, {name: "h1", status: 200}}, fine,
			[]string{"0s h3 connects", "250ms h2 connects", "300ms h3 asks http://x/ ", "300ms h2: another carrier was faster"}},
		{"who comes second waits for the turn", []*acting{{name: "h3", connect: 300 * time.Millisecond, answer: 2 * time.Second}, {name: "h2", connect: 300 * time.Millisecond, status: 200}}, fine,
			[]string{"0s h3 connects", "250ms h2 connects", "300ms h3 asks http://x/ ", "2.3s h2 asks http://x/ "}},
		{"or loses it", []*acting{{name: "h3", connect: 300 * time.Millisecond, answer: 2 * time.Second, status: 200}, {name: "h2", connect: 300 * time.Millisecond, status: 200}}, fine,
			[]string{"0s h3 connects", "250ms h2 connects", "300ms h3 asks http://x/ ", "2.3s h2: another carrier was faster"}},
		{"silence has half of what is left, the last one all", []*acting{{name: "h3", answer: forever}, {name: "h2", answer: forever}, {name: "h1", answer: 2400 * time.Millisecond, status: 200}}, fine,
			[]string{"0s h3 connects", "0s h3 asks http://x/ ", "4.95s h3: " + errSilent.Error(), "4.95s h2 connects", "4.95s h2 asks http://x/ ", "7.425s h2: " + errSilent.Error(), "7.425s h1 connects", "7.425s h1 asks http://x/ "}},
		{"silence of the last that is left", []*acting{{name: "h3", broken: errNoRoute}, {name: "h2", answer: 9 * time.Second, status: 200}}, fine,
			[]string{"0s h3 connects", "0s h2 connects", "0s h2 asks http://x/ "}},
		{"silence while the others fail", []*acting{{name: "h3", connect: time.Second, broken: errNoRoute}, {name: "h2", answer: 9 * time.Second, status: 200}}, fine,
			[]string{"0s h3 connects", "250ms h2 connects", "250ms h2 asks http://x/ "}},
		{"all fail", []*acting{{name: "h3", broken: errNoRoute}, {name: "h2"}, {name: "h1", broken: errNoRoute}},
			func(err error) bool {
				var failed *DialError
				return errors.As(err, &failed) && failed.Stage == StageConnect && errors.Is(err, errNoRoute) && errors.Is(err, errSpoke) &&
					err.Error() == "wye: dial http://x/: connect: h3: connect: no route; h2: reset in the middle; h1: connect: no route"
			},
			[]string{"0s h3 connects", "0s h2 connects", "0s h2 asks http://x/ ", "0s h1 connects"}},
		{"time runs out", []*acting{{name: "h3", connect: forever}, {name: "h2", connect: forever}},
			func(err error) bool {
				return errors.Is(err, context.DeadlineExceeded) && errors.As(err, new(*DialError))
			},
			[]string{"0s h3 connects", "250ms h2 connects", "9.9s h2: context deadline exceeded", "9.9s h3: context deadline exceeded"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{began: time.Now()}
				opts := &DialOptions{Tokens: []Token{example}, Timeout: 9900 * time.Millisecond} // no multiple of the head start
				for _, c := range tt.carriers {
					c.diary = d
					opts.Carriers = append(opts.Carriers, c)
				}
				c, resp, err := Dial(t.Context(), "ws://x", opts)
				if !tt.ended(err) || (c == nil) != (err != nil) {
					t.Errorf("got %v, %v", c, err)
				}
				if c != nil && Chosen(resp) != example {
					t.Errorf("chosen: %v", Chosen(resp))
				}
				d.want(t, tt.want...)
			})
		})
	}
}

// The end of ctx is the end of all, and nothing more begins.
func TestDialCarriersAreCancelled(t *testing.T) {
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 250 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{began: time.Now()}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			_, _, err := Dial(ctx, "ws://x", &DialOptions{Tokens: []Token{example}, Carriers: []Carrier{
				&acting{diary: d, name: "h3", connect: time.Hour}, &acting{diary: d, name: "h2", connect: time.Hour}, &acting{diary: d, name: "h1", connect: time.Hour},
			}})
			if !errors.Is(err, context.Canceled) || time.Since(d.began) != after {
				t.Errorf("after %v: %v", time.Since(d.began), err)
			}
		})
	}
}

// odd is a carrier that breaks its rules.
type odd struct {
	c    Conn
	resp *http.Response
	err  error
}

func (o *odd) Name() string { return "odd" }
func (o *odd) Open(context.Context, *Attempt) (Conn, *http.Response, error) {
	return o.c, o.resp, o.err
}

// A carrier that breaks its rules loses no connection and breaks nothing.
func TestDialOddCarriers(t *testing.T) {
	for name, o := range map[string]*odd{
		"nothing": {}, "no response": {c: &conn{}}, "no connection": {resp: new(http.Response)}, "both": {c: &conn{}, err: errStop},
		"a response": {resp: &http.Response{ProtoMajor: 3}, err: errStop},
	} {
		if o.c != nil {
			near, far := net.Pipe()
			o.c = &conn{Conn: near}
			defer func() {
				if _, err := far.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("%s: %v", name, err)
				}
			}()
		}
		for _, carriers := range [][]Carrier{{o}, {o, o}} {
			c, _, err := Dial(t.Context(), "ws://x", &DialOptions{Tokens: []Token{example}, Carriers: carriers})
			if c != nil || !errors.As(err, new(*DialError)) {
				t.Errorf("%s: %v, %v", name, c, err)
			}
		}
	}
	if _, _, err := Dial(t.Context(), "ws://x", &DialOptions{Tokens: []Token{example}, Carriers: []Carrier{nil}}); !errors.As(err, new(*DialError)) {
		t.Error(err)
	}
}

// Secrets do not follow a redirect to another origin over any carrier, and each
// hop tries the carriers anew. CVE-2024-45336.
func TestDialCarriersAcrossRedirects(t *testing.T) {
	for _, name := range []string{"h1", "h2", "h3"} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{began: time.Now()}
			c := &acting{diary: d, name: name, status: 302, location: "http://y/there"}
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			var asked []string
			_, _, err = Dial(t.Context(), "ws://user:pw@x/", &DialOptions{
				Tokens: []Token{example}, MaxRedirects: 1, Carriers: []Carrier{&acting{diary: d, name: "none", broken: errNoRoute}, c}, Jar: jar,
				Header: http.Header{"Cookie": {"own=1"}, "X-Kept": {"yes"}},
				Prepare: func(r *http.Request, carrier string) error {
					if r.Header.Get("X-For-None") != "" {
						t.Error("what was prepared for one carrier is another's, too")
					}
					r.Header.Set("X-For-"+carrier, "1")
					asked = append(asked, carrier+" "+r.URL.Host+" "+r.Header.Get("Cookie")+" "+r.Header.Get("X-Kept"))
					return nil
				},
			})
			if !errors.As(err, new(*RefusedError)) {
				t.Error(err)
			}
			d.want(t, "0s none connects", "0s "+name+" connects", "0s "+name+" asks http://user:pw@x/ Basic dXNlcjpwdw==",
				"0s none connects", "0s "+name+" connects", "0s "+name+" asks http://y/there ")
			if got, want := strings.Join(asked, ", "), "none x own=1 yes, "+name+" x own=1 yes, none y  yes, "+name+" y  yes"; got != want {
				t.Errorf("prepared %s, want %s", got, want)
			}
			if u, _ := url.Parse("http://x/"); len(jar.Cookies(u)) != 1 {
				t.Error("the redirect's cookie was not kept")
			}
		})
	}
}

// Prepare adds to each request what it needs, and cannot break it.
func TestDialPrepare(t *testing.T) {
	var got string
	address := answering(t, func(p *peer) {
		_, got = p.wantRequest()
		p.say(switched)
	})
	_, resp, err := dial(t, "ws://"+address, func(o *DialOptions) {
		o.Prepare = func(r *http.Request, carrier string) error {
			r.Header.Set("X-Carrier", carrier)
			for _, name := range []string{"Upgrade", "connection", "Content-Length", "Host"} {
				r.Header[name] = []string{"mine"}
			}
			return nil
		}
	})
	if want := "GET / HTTP/1.1\r\nHost: " + address + "\r\nConnection: Upgrade\r\nUpgrade: example/1\r\nX-Carrier: h1\r\n\r\n"; err != nil || got != want || resp.Request.Header.Get("X-Carrier") != "h1" {
		t.Errorf("sent %q, %v", got, err)
	}
	for name, prepare := range map[string]func(*http.Request, string) error{
		"an error": func(*http.Request, string) error { return errStop },
		"a field":  func(r *http.Request, _ string) error { r.Header["X"] = []string{"a\r\nb: c"}; return nil },
	} {
		var failed *DialError
		if _, _, err := dial(t, "ws://"+address, func(o *DialOptions) { o.Prepare = prepare }); !errors.As(err, &failed) || failed.Stage != StageRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// OPTIONS * asks the server as a whole. RFC 9112 §3.2.4
func TestDialAsterisk(t *testing.T) {
	var got string
	address := answering(t, func(p *peer) {
		_, got = p.wantRequest()
		p.say(switched)
	})
	star := func(o *DialOptions) { o.Asterisk, o.Method = true, "OPTIONS" }
	for _, path := range []string{"", "/"} {
		if _, _, err := dial(t, "http://"+address+path, star); err != nil || !strings.HasPrefix(got, "OPTIONS * HTTP/1.1\r\nHost: "+address+"\r\n") {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, path := range []string{"/a", "?b", "/*"} {
		if _, _, err := dial(t, "http://"+address+path, star); !errors.As(err, new(*DialError)) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := dial(t, "http://"+address, func(o *DialOptions) { o.Asterisk = true }); !errors.As(err, new(*DialError)) {
		t.Error(err)
	}
}

// Judge is asked instead of the rules.
func TestDialJudge(t *testing.T) {
	address := answering(t, func(p *peer) {
		p.wantRequest()
		p.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Keep-Alive\r\nUpgrade: example/1, HTTP/1.1\r\n\r\n")
	})
	if _, _, err := dial(t, "ws://"+address, func(o *DialOptions) { o.Judge = func(*http.Response) error { return nil } }); err != nil {
		t.Error(err)
	}
	var broken *HandshakeError
	if _, _, err := dial(t, "ws://"+address, func(o *DialOptions) { o.Judge = func(*http.Response) error { return errStop } }); !errors.As(err, &broken) || broken.Reason != errStop.Error() {
		t.Error(err)
	}
}

// Trace is told the heads as they stand on the wire: a proxy's, interim ones,
// those of redirects, also over TLS; and those of other carriers field by field.
func TestDialTrace(t *testing.T) {
	const early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
	const odd = "HTTP/1.1 101 Fine\r\nupGRADE:   example/1\r\nconnection: UPGRADE\r\nZ: 1\r\na: 2\r\n\r\n"
	l := newPipes()
	done := make(chan struct{})
	go func() { // received below
		defer close(done)
		for i := range 2 {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p := &peer{Conn: c, t: t, script: true}
			io.ReadFull(c, make([]byte, len("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n")))
			p.say("HTTP/1.1 200 OK\r\nvia: 1\r\n\r\n")
			tc := overTLS(p)
			tc.wantRequest()
			if i == 0 {
				tc.say("HTTP/1.1 302 Found\r\nlocation: /b\r\nContent-Length: 4\r\n\r\nbody")
				io.Copy(io.Discard, c) // its close_notify, too
				continue
			}
			tc.say(early + odd + "more")
			io.Copy(io.Discard, c)
		}
	}()
	proxy, _ := url.Parse("http://proxy")
	var heads []Head
	c, _, err := Dial(t.Context(), "wss://x/a", &DialOptions{
		Tokens: []Token{example}, NetDial: l.dial, TLSConfig: &tls.Config{InsecureSkipVerify: true}, MaxRedirects: 1,
		Proxy: http.ProxyURL(proxy), Trace: func(h Head) { heads = append(heads, h) },
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRead(t, c, "more")
	c.Close()
	<-done
	ask := func(path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"
	}
	wantHeads(t, heads,
		Head{"h1", true, true, "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"}, Head{"h1", true, false, "HTTP/1.1 200 OK\r\nvia: 1\r\n\r\n"},
		Head{"h1", false, true, ask("/a")}, Head{"h1", false, false, "HTTP/1.1 302 Found\r\nlocation: /b\r\nContent-Length: 4\r\n\r\n"},
		Head{"h1", true, true, "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"}, Head{"h1", true, false, "HTTP/1.1 200 OK\r\nvia: 1\r\n\r\n"},
		Head{"h1", false, true, ask("/b")}, Head{"h1", false, false, early}, Head{"h1", false, false, odd})

	// Heads that break off are told as far as they came.
	address := answering(t, func(p *peer) { p.wantRequest(); p.say("HTTP/1.1 101 Sw\r\nUpg") })
	heads = nil
	dial(t, "ws://"+address+"/c", func(o *DialOptions) { o.Trace = func(h Head) { heads = append(heads, h) } })
	if len(heads) != 2 || heads[1].Text != "HTTP/1.1 101 Sw\r\nUpg" {
		t.Errorf("%+v", heads)
	}

	heads = nil
	dial(t, "http://x/?d", func(o *DialOptions) {
		o.Carriers = []Carrier{&acting{diary: new(diary), name: "h2", status: 200}}
		o.Header = http.Header{"X-B": {"2"}, "A": {"1"}}
		o.Trace = func(h Head) { heads = append(heads, h) }
	})
	wantHeads(t, heads,
		Head{"h2", false, true, ":method: CONNECT\r\n:protocol: example/1\r\n:scheme: http\r\n:authority: x\r\n:path: /?d\r\na: 1\r\nx-b: 2\r\n\r\n"},
		Head{"h2", false, false, ":status: 200\r\nset-cookie: h2=1\r\n\r\n"})
}

func wantHeads(t *testing.T, got []Head, want ...Head) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("head %d is missing, want %+v", i, want[i])
		case i >= len(want):
			t.Errorf("head %d is %+v, want none", i, got[i])
		case got[i] != want[i]:
			t.Errorf("head %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}
