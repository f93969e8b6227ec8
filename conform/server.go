package conform

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"
)

// A ServerRun runs cases against a server that echoes messages. The zero value
// needs only a URL.
type ServerRun struct {
	URL   string  // ws:, wss:, http: or https:
	Cases []*Case // nil: all that are for servers
	// Parallel is how many connections are open at once; 0 means 4. Long
	// cases run alone.
	Parallel int
	// Fields are sent with every opening request.
	Fields []Field
	// TLS is for wss:; nil trusts the system's certificates.
	TLS *tls.Config
	// Authorized is a host outside this machine and its private networks
	// whose owner agreed to be tested. Without it such a host is refused with
	// an [UnauthorizedError]; Dial, if set, is not checked.
	Authorized string
	// Dial replaces TCP, TLS included; nil means the URL's host.
	Dial func(context.Context) (net.Conn, error)
	// Open replaces the opening handshake too; nil means HTTP/1.1's. Cases of
	// that one's syntax are Informational then.
	Open StreamOpener
	// Report is called with each result in the catalogue's order, from one
	// goroutine at a time; nil is allowed.
	Report func(Result)
}

// Run runs the cases and returns their results in the catalogue's order. When
// ctx ends, what has run is returned with ctx's cause. An error says that no
// case could be run.
func (r *ServerRun) Run(ctx context.Context) ([]Result, error) {
	t, err := r.target()
	if err != nil {
		return nil, err
	}
	if t.deflate, err = t.probe(ctx); err != nil {
		return nil, err
	}
	cases := r.Cases
	if cases == nil {
		cases = Catalogue(Server)
	}
	results := newCollector(len(cases), r.Report)
	var short, long []int
	for i, c := range cases {
		if c.Long {
			long = append(long, i)
		} else {
			short = append(short, i)
		}
	}
	run := func(indices []int, workers int) {
		next := make(chan int)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for i := range next {
					if res, ok := t.run(ctx, cases[i]); ok {
						results.put(i, res)
					}
				}
			})
		}
		for _, i := range indices {
			select {
			case next <- i:
				continue
			case <-ctx.Done():
			}
			break
		}
		close(next)
		wg.Wait()
	}
	workers := r.Parallel
	if workers <= 0 {
		workers = 4
	}
	run(short, workers)
	run(long, 1)
	return results.all(), context.Cause(ctx)
}

// A target is the server under test, resolved.
type target struct {
	host, path string
	extra      []Field
	dial       func(context.Context) (net.Conn, error)
	open       func(context.Context, []Field) (net.Conn, []Field, error) // nil: HTTP/1.1's handshake over dial
	deflate    bool                                                      // it takes a plain offer of permessage-deflate
}

func (r *ServerRun) target() (*target, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, fmt.Errorf("the URL cannot be read: %w", err)
	}
	port := "80"
	secure := false
	switch u.Scheme {
	case "ws", "http":
	case "wss", "https":
		port, secure = "443", true
	default:
		return nil, fmt.Errorf("the URL %q needs the scheme ws or wss", u.Redacted())
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("the URL %q names no host", u.Redacted())
	}
	if u.Fragment != "" {
		// "Fragment identifiers are meaningless in the context of WebSocket
		// URIs and MUST NOT be used on these URIs." RFC 6455 §3
		return nil, fmt.Errorf("the URL %q has a fragment: take it out", u.Redacted())
	}
	if u.Port() != "" {
		port = u.Port()
	}
	dialer := &net.Dialer{Control: guard(u.Hostname(), r.Authorized)}
	t := &target{host: u.Host, path: u.RequestURI(), extra: r.Fields, dial: r.Dial, open: r.openBy(dialer.DialContext)}
	if t.dial != nil || t.open != nil {
		return t, nil
	}
	address := net.JoinHostPort(u.Hostname(), port)
	config := &tls.Config{}
	if r.TLS != nil {
		config = r.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	t.dial = func(ctx context.Context) (net.Conn, error) {
		if secure {
			return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", address)
		}
		return dialer.DialContext(ctx, "tcp", address)
	}
	return t, nil
}

// probe makes one ordinary connection: whether anybody is there, and whether
// they compress.
func (t *target) probe(ctx context.Context) (deflate bool, err error) {
	c := &Case{ID: "0.0", Opening: &Opening{Request: &Request{Offers: []string{deflateName + "; " + clientBits}}}}
	ctx, cancel := context.WithTimeout(ctx, c.bound())
	defer cancel()
	s := t.dialogue(ctx, c)
	if t.open != nil {
		return t.probeStream(ctx, s, c.Opening.Request)
	}
	if s.conn, err = t.dial(ctx); err != nil {
		return false, fmt.Errorf("the server cannot be reached: %w", err)
	}
	defer s.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })()
	b := c.Opening.Request.bytes(s)
	if _, err := s.conn.Write(b); err != nil {
		return false, fmt.Errorf("the opening request cannot be sent: %w", err)
	}
	h, _, _, err := readHead(s.conn)
	if err != nil {
		return false, fmt.Errorf("the opening request is not answered: %w", err)
	}
	if statusOf(h.start) != 101 {
		return false, fmt.Errorf("the opening request for %s is answered %q: is there an echo endpoint at this path?", t.path, h.start)
	}
	return offersDeflate(h.values("Sec-WebSocket-Extensions")), nil
}

func (t *target) dialogue(ctx context.Context, c *Case) *dialogue {
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(c.ID))
	return &dialogue{
		cs: c, end: Server, ctx: ctx,
		log:  &wireLog{start: time.Now()},
		keys: rand.New(rand.NewPCG(seed.Sum64(), 1)),
		dial: t.dial, open: t.open, host: t.host, path: t.path, extra: t.extra,
		readerDone: make(chan struct{}),
	}
}

// run runs one case. It is not ok when ctx ended under it: such a verdict says
// nothing about the server.
func (t *target) run(ctx context.Context, c *Case) (res Result, ok bool) {
	began := time.Now()
	inner, cancel := context.WithTimeout(ctx, c.bound())
	defer cancel()
	s := t.dialogue(inner, c)
	if c.needsDeflate() && !t.deflate {
		s.gotText = "no permessage-deflate"
		s.judge(Unimplemented, "the server declined permessage-deflate")
		return s.result(began), true
	}
	if t.open != nil {
		return t.runStream(inner, s, began), ctx.Err() == nil
	}
	conn, err := t.dial(inner)
	if err != nil {
		s.gotText = "no connection"
		s.judge(Fail, "the server cannot be reached: %s", plainError(err))
		return s.result(began), ctx.Err() == nil
	}
	s.conn = conn
	s.talk(func() { s.openServer() })
	return s.result(began), ctx.Err() == nil
}

// talk opens, converses and closes; afterwards no goroutine of the dialogue is left.
func (s *dialogue) talk(open func()) {
	// At the bound a blocked write is broken; next sees the context itself.
	stop := context.AfterFunc(s.ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	open()
	s.converse()
	if s.ctx.Err() != nil && errors.Is(s.ctx.Err(), context.DeadlineExceeded) && s.verdict != Fail {
		s.judge(Fail, "the case took longer than its bound of %v", s.cs.bound())
	}
	stop()
	_ = s.conn.Close()
	if s.in != nil {
		<-s.readerDone
	}
}

// A collector puts results that come in any order into the catalogue's.
type collector struct {
	report func(Result)

	mu      sync.Mutex
	results []Result // what follows is protected by mu
	have    []bool
	next    int
}

func newCollector(n int, report func(Result)) *collector {
	return &collector{report: report, results: make([]Result, n), have: make([]bool, n)}
}

// put stores one result and reports every one whose turn has come. The report
// is called under the lock, which is what keeps its order.
func (c *collector) put(i int, r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[i], c.have[i] = r, true
	for c.next < len(c.have) && c.have[c.next] {
		if c.report != nil {
			c.report(c.results[c.next])
		}
		c.next++
	}
}

// all is what was stored; results still held back for an earlier one that
// never came are reported now.
func (c *collector) all() []Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Result
	for i, ok := range c.have {
		if !ok {
			continue
		}
		out = append(out, c.results[i])
		if i >= c.next && c.report != nil {
			c.report(c.results[i])
		}
	}
	c.next = len(c.have)
	return out
}
