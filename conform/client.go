package conform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A ClientRun runs cases against clients that come to it and echo messages. It
// answers at the endpoints that drivers of Autobahn|Testsuite use:
//
//	/getCaseCount                  a text with the number of cases
//	/getCaseInfo?case=N            {"id": …, "description": …}
//	/runCase?case=N&agent=A        case N, counted from 1; an id will do too
//	/getCaseStatus?case=N&agent=A  {"behavior": "OK"}
//	/updateReports?agent=A         calls Update
//	/stopServer                    ends Serve
//
// The zero value is ready. A ClientRun must not be copied.
type ClientRun struct {
	// Cases are offered in this order; nil: all that are for clients. It must
	// not change once Serve runs.
	Cases []*Case
	// Report is called with each result as it comes, from one goroutine at a
	// time; nil is allowed.
	Report func(Result)
	// Update is called when an agent says that it is done; nil is allowed.
	Update func(agent string)

	once sync.Once
	stop chan struct{} // closed by /stopServer

	mu      sync.Mutex
	results map[string]map[int]Result // by agent and case; protected by mu
	keys    map[string]*seenKeys
	running map[string]*running
}

// running counts an agent's cases whose verdict is still to come.
type running struct {
	n    int
	idle chan struct{} // closed when n comes to 0
}

// maxClients bounds the connections that are served at once.
const maxClients = 64

// headWithin bounds how long a client's request may take to come.
const headWithin = 10 * time.Second

// Serve answers clients until ctx ends, ln is closed or a client asks for
// /stopServer. It returns nil then, once every connection has ended, and closes ln.
func (r *ClientRun) Serve(ctx context.Context, ln net.Listener) error {
	r.init()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // before the wait: connections end with ctx
	wg.Go(func() { // ends with Serve
		select {
		case <-ctx.Done():
		case <-r.stop:
		}
		_ = ln.Close()
	})
	room := make(chan struct{}, maxClients)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := ln.Accept()
		if err != nil {
			select {
			case <-r.stop:
				return nil
			case <-ctx.Done():
				return nil
			default:
			}
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("cannot accept connections: %w", err)
		}
		wg.Go(func() { // ends with its connection, or with ctx
			defer func() { <-room }()
			defer conn.Close()
			r.serveConn(ctx, conn)
		})
	}
}

func (r *ClientRun) init() {
	r.once.Do(func() {
		if r.Cases == nil {
			r.Cases = Catalogue(Client)
		}
		r.stop = make(chan struct{})
		r.results = map[string]map[int]Result{}
		r.keys = map[string]*seenKeys{}
		r.running = map[string]*running{}
	})
}

// Results are what has run so far, by agent and in the order of the cases.
func (r *ClientRun) Results() []Result {
	r.init()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Result
	for _, agent := range r.agents() {
		for i := range r.Cases {
			if res, ok := r.results[agent][i]; ok {
				out = append(out, res)
			}
		}
	}
	return out
}

// agents are the agents' names in order; r.mu is held.
func (r *ClientRun) agents() []string {
	var names []string
	for name := range r.results {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *ClientRun) serveConn(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	log := &wireLog{start: time.Now()}
	_ = conn.SetReadDeadline(time.Now().Add(headWithin))
	h, raw, rest, err := readHead(conn)
	if err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	log.head("endpoint", raw)
	_, target, _ := strings.Cut(h.start, " ")
	target, _, _ = strings.Cut(target, " ")
	u, err := url.ParseRequestURI(target)
	if err != nil {
		u = &url.URL{Path: "/"}
	}
	q := u.Query()
	agent := cmp.Or(q.Get("agent"), "client")
	i, found := r.find(cmp.Or(q.Get("case"), q.Get("casetuple")))
	c := client{r, conn, h, rest, log}
	switch {
	case !h.has("Upgrade", "websocket"):
		c.refuse("426 Upgrade Required", "This address speaks WebSocket: point a client's test driver at it.")
	case u.Path == "/getCaseCount":
		c.tell(ctx, strconv.Itoa(len(r.Cases)))
	case u.Path == "/updateReports":
		r.settle(ctx, agent)
		if r.Update != nil {
			r.Update(agent)
		}
		c.tell(ctx, "")
	case u.Path == "/stopServer":
		c.tell(ctx, "")
		r.mu.Lock()
		defer r.mu.Unlock()
		select {
		case <-r.stop:
		default:
			close(r.stop)
		}
	case u.Path != "/runCase" && u.Path != "/getCaseInfo" && u.Path != "/getCaseStatus":
		c.refuse("404 Not Found", "There is no such endpoint here.")
	case !found:
		c.refuse("404 Not Found", fmt.Sprintf("There is no such case: want case=1 to %d or an id.", len(r.Cases)))
	case u.Path == "/getCaseInfo":
		b, _ := json.Marshal(map[string]string{"id": r.Cases[i].ID, "description": r.Cases[i].Title}) // strings always marshal
		c.tell(ctx, string(b))
	case u.Path == "/getCaseStatus":
		r.settle(ctx, agent)
		b, _ := json.Marshal(map[string]string{"behavior": r.behaviour(agent, i)})
		c.tell(ctx, string(b))
	default:
		r.begin(agent)
		defer r.end(agent)
		c.run(ctx, i, agent)
	}
}

func (r *ClientRun) begin(agent string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.running[agent]
	if a == nil {
		a = &running{idle: make(chan struct{})}
		r.running[agent] = a
	}
	a.n++
}

func (r *ClientRun) end(agent string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.running[agent]
	if a.n--; a.n == 0 {
		close(a.idle)
		delete(r.running, agent)
	}
}

// settle waits until the agent's last case is judged: a driver asks for its
// status the moment that its connection has ended, which may be before that.
func (r *ClientRun) settle(ctx context.Context, agent string) {
	r.mu.Lock()
	a := r.running[agent]
	r.mu.Unlock()
	if a == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, DefaultBound)
	defer cancel()
	select {
	case <-a.idle:
	case <-ctx.Done():
	}
}

// find reads a case's number, counted from 1, or its id.
func (r *ClientRun) find(s string) (int, bool) {
	if n, err := strconv.Atoi(s); err == nil && n >= 1 && n <= len(r.Cases) {
		return n - 1, true
	}
	i := slices.IndexFunc(r.Cases, func(c *Case) bool { return c.ID == s })
	return i, i >= 0
}

// behaviour is a verdict in the words that drivers know.
func (r *ClientRun) behaviour(agent string, i int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	res, ok := r.results[agent][i]
	if !ok {
		return "UNKNOWN"
	}
	return [...]string{Pass: "OK", Nonstrict: "NON-STRICT", Informational: "INFORMATIONAL", Unimplemented: "UNIMPLEMENTED", Fail: "FAILED"}[res.Verdict]
}

// client is one accepted connection with its request.
type client struct {
	r    *ClientRun
	conn net.Conn
	head head
	rest []byte
	log  *wireLog
}

func (c client) refuse(status, text string) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(headWithin))
	fmt.Fprintf(c.conn, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n%s\n", status, len(text)+1, text)
}

func (c client) dialogue(ctx context.Context, cs *Case) *dialogue {
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(cs.ID))
	return &dialogue{
		cs: cs, end: Client, ctx: ctx, conn: c.conn, log: c.log, request: c.head,
		keys:       rand.New(rand.NewPCG(seed.Sum64(), 1)),
		readerDone: make(chan struct{}),
	}
}

// tell sends one text, or none, and closes in good manners.
func (c client) tell(ctx context.Context, text string) {
	ctx, cancel := context.WithTimeout(ctx, DefaultBound)
	defer cancel()
	s := c.dialogue(ctx, &Case{ID: "0.0"})
	s.talk(func() {
		s.openClient(c.rest)
		if text != "" {
			s.send(Frame{Op: opText, Payload: []byte(text)})
		}
	})
}

func (c client) run(ctx context.Context, i int, agent string) {
	cs := c.r.Cases[i]
	began := time.Now()
	inner, cancel := context.WithTimeout(ctx, cs.bound())
	defer cancel()
	s := c.dialogue(inner, cs)
	s.keyUsed = c.r.keysOf(agent).add(strings.Join(c.head.values("Sec-WebSocket-Key"), ", ")) > 0
	s.talk(func() { s.openClient(c.rest) })
	if ctx.Err() != nil {
		return // cut off: the verdict would say nothing about the client
	}
	res := s.result(began)
	res.Agent = agent
	c.r.put(agent, i, res)
}

// maxAgents bounds the names whose results are kept.
const maxAgents = 1000

func (r *ClientRun) put(agent string, i int, res Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.results[agent] == nil {
		if len(r.results) >= maxAgents {
			return
		}
		r.results[agent] = map[int]Result{}
	}
	r.results[agent][i] = res
	if r.Report != nil {
		r.Report(res)
	}
}

// seenKeys remembers the handshake keys of one agent: each "MUST be selected
// randomly for each connection", RFC 6455 §4.1.
type seenKeys struct {
	mu   sync.Mutex
	keys map[string]int // protected by mu
}

// maxKeys bounds what is remembered of one agent.
const maxKeys = 1 << 14

func (r *ClientRun) keysOf(agent string) *seenKeys {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys[agent] == nil {
		if len(r.keys) >= maxAgents {
			return &seenKeys{keys: map[string]int{}}
		}
		r.keys[agent] = &seenKeys{keys: map[string]int{}}
	}
	return r.keys[agent]
}

// add notes a key and says how often it came before.
func (k *seenKeys) add(key string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.keys[key]
	if n > 0 || len(k.keys) < maxKeys {
		k.keys[key] = n + 1
	}
	return n
}
