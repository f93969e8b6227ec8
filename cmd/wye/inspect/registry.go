// Package inspect knows a server's live connections and the requests that it
// would not switch, and shows them to who runs it. It sees no payload.
// docs/inspector.md describes what it answers.
package inspect

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// A Registry has the live connections and the last refusals, and tells a
// [metrics.Meter] of them. Make one with [NewRegistry]. Its methods may be called
// concurrently.
type Registry struct {
	meter  *metrics.Meter
	client func(*http.Request) netip.Addr

	refusals refusals

	mu   sync.Mutex
	last uint64
	byID map[uint64]*entry
	byWS map[*websocket.Conn]*entry
}

// NewRegistry returns an empty registry. client says whom a request came from;
// nil: from its RemoteAddr.
func NewRegistry(meter *metrics.Meter, client func(*http.Request) netip.Addr) *Registry {
	if client == nil {
		client = new(gate.Gate).Client
	}
	reg := &Registry{
		meter:  meter,
		client: client,
		byID:   map[uint64]*entry{},
		byWS:   map[*websocket.Conn]*entry{},
	}
	meter.LookAt(reg.look)
	return reg
}

// An entry is a live connection. What it says of the request is redacted.
type entry struct {
	id     uint64
	kind   metrics.Kind // as the meter counts it
	began  time.Time
	about  about
	live   live
	remove func() // takes it out of the registry
}

// about is what does not change while a connection lives.
type about struct {
	Carrier     string `json:"carrier"`
	Token       string `json:"token"`
	Endpoint    string `json:"endpoint"` // the pattern of Path
	Path        string `json:"path"`
	Subprotocol string `json:"subprotocol"`
	Extensions  string `json:"extensions"`
	Principal   string `json:"principal"`
	Client      string `json:"client"`
}

// live is what an entry asks its connection.
type live interface {
	Stats() websocket.Stats
	RTT() time.Duration
	end(ctx context.Context, code websocket.StatusCode, reason string) error
}

// Hooks are for the options of every WebSocket that the registry is to know.
func (reg *Registry) Hooks() websocket.Hooks {
	return websocket.Hooks{
		Refused: reg.Refused,
		Opened:  reg.opened,
		Closed:  reg.closed,
		Received: func(_ *websocket.Conn, typ websocket.MessageType, n int) {
			reg.meter.ReceivedMessage(typ == websocket.MessageBinary, n)
		},
		Sent: func(_ *websocket.Conn, typ websocket.MessageType, n int) {
			reg.meter.SentMessage(typ == websocket.MessageBinary, n)
		},
		RoundTrip: func(_ *websocket.Conn, d time.Duration) { reg.meter.RoundTrip(d) },
	}
}

func (reg *Registry) opened(c *websocket.Conn) {
	r := c.Request()
	if r == nil {
		return // no server's: from Pipe
	}
	a := reg.about(r)
	a.Subprotocol = clean(gate.RedactField("Sec-WebSocket-Protocol", c.Subprotocol()))
	a.Extensions = c.Extensions()
	e := reg.enter(a, webSocket{c})
	reg.mu.Lock()
	reg.byWS[c] = e
	reg.mu.Unlock()
	select {
	case <-c.Done():
		reg.closed(c) // it ended before it was here: nobody will say so again
	default:
	}
}

func (reg *Registry) closed(c *websocket.Conn) {
	reg.mu.Lock()
	e := reg.byWS[c]
	delete(reg.byWS, c)
	reg.mu.Unlock()
	if e != nil {
		e.remove()
	}
}

// about is what r says of its connection, without secrets.
func (reg *Registry) about(r *wye.Request) about {
	return about{
		Carrier:   r.Carrier(),
		Token:     clean(r.Token.String()),
		Endpoint:  endpoint(r.Request),
		Path:      clean(gate.RedactText(gate.RedactURL(r.URL.EscapedPath()))),
		Principal: clean(gate.RedactText(r.Principal)),
		Client:    reg.clientOf(r.Request),
	}
}

// enter makes an entry and counts it.
func (reg *Registry) enter(a about, l live) *entry {
	reg.meter.Handshake(metrics.Switched)
	e := &entry{began: time.Now(), about: a, live: l}
	e.kind = reg.meter.Opened(metrics.Kind{Carrier: a.Carrier, Token: a.Token, Endpoint: a.Endpoint})
	e.remove = sync.OnceFunc(func() {
		reg.mu.Lock()
		delete(reg.byID, e.id)
		reg.mu.Unlock()
		reg.meter.Closed(e.kind)
	})
	reg.mu.Lock()
	defer reg.mu.Unlock()
	reg.last++
	e.id = reg.last
	reg.byID[e.id] = e
	return e
}

// entries are all there are, in no order.
func (reg *Registry) entries() []*entry {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	return slices.Collect(maps.Values(reg.byID))
}

// look is what the meter cannot count.
func (reg *Registry) look() (l metrics.Live) {
	for _, e := range reg.entries() {
		l.Queued += int64(e.live.Stats().Queued)
		if rtt := e.live.RTT(); rtt > 0 {
			l.RTT = append(l.RTT, rtt)
		}
	}
	return l
}

// webSocket is the live part of a WebSocket.
type webSocket struct{ *websocket.Conn }

func (w webSocket) end(ctx context.Context, code websocket.StatusCode, reason string) error {
	return w.Conn.Close(ctx, code, reason)
}

// carrier names the version of HTTP that r came by.
func carrier(r *http.Request) string {
	switch r.ProtoMajor {
	case 2:
		return "h2"
	case 3:
		return "h3"
	}
	return "h1"
}

// endpoint is the pattern that r was routed by.
func endpoint(r *http.Request) string {
	pattern := r.Pattern
	if _, path, ok := strings.Cut(pattern, " "); ok { // GET /path
		pattern = path
	}
	if pattern == "" {
		return "other"
	}
	return strings.TrimSuffix(pattern, "{$}")
}

func (reg *Registry) clientOf(r *http.Request) string {
	if addr := reg.client(r); addr.IsValid() {
		return addr.String()
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return clean(r.RemoteAddr)
	}
	return clean(host)
}

// longest is how many bytes of a text are kept.
const longest = 300

// clean is s as it is kept: of bounded length, and valid UTF-8.
func clean(s string) string {
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
