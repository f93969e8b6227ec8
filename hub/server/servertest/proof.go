package servertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/centrifugal/centrifuge-go"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
)

// A Proof is a run in which clients with the unmodified SDKs lose their connections
// again and again while messages are published: each has to get every message once and
// in the order in which they were published.
type Proof struct {
	// Hubs are the nodes of one engine. Clients come to any of them.
	Hubs []*hub.Hub

	// Namespace is of the channels. Its history holds all Messages, and
	// MaySubscribe lets everybody in.
	Namespace string

	Go         int // clients with centrifuge-go
	JavaScript int // clients with the npm package, of one process of node's
	Channels   int // that each client is in
	Messages   int // published into each
	Cuts       int // connections that are reset meanwhile, without a goodbye
}

// Namespace is one that is fit for a Proof.
func Namespace(name string, messages int) hub.Namespace {
	return hub.Namespace{Name: name, History: hub.History{Size: messages, TTL: time.Hour}, MaySubscribe: hub.Anyone}
}

// Size makes p as large as the environment says: with WYE_SLOW=1 20 clients, 3
// channels, 5,000 messages in each and 220 cuts, else a tenth of the messages and of
// the cuts.
func (p Proof) Size(nodejs bool) Proof {
	p.Go, p.Channels, p.Messages, p.Cuts = 20, 3, 500, 25
	if os.Getenv("WYE_SLOW") == "1" {
		p.Messages, p.Cuts = 5000, 220
	}
	if nodejs {
		p.Go, p.JavaScript = 0, 20
	}
	return p
}

// proofTime bounds a run. It takes seconds.
const proofTime = 4 * time.Minute

// run is a Proof under way.
type run struct {
	Proof
	t         *testing.T
	ctx       context.Context
	cutter    *Cutter
	channels  []string
	ready     sync.WaitGroup // who has not joined yet
	done      sync.WaitGroup // who has not everything yet
	delivered atomic.Int64
	recovered atomic.Int64
	missed    atomic.Int64 // messages that recoveries have brought
	refused   int          // publications that were tried again

	mu     sync.Mutex // guards faults
	faults []string
}

// Run runs p.
func (p Proof) Run(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), proofTime)
	defer cancel()
	r := &run{Proof: p, t: t, ctx: ctx}
	var nodes []string
	for _, h := range p.Hubs {
		hooks := server.Hooks{Recovered: func(_ server.Transport, _ bool, messages int) { r.missed.Add(int64(messages)) }}
		nodes = append(nodes, Serve(t, server.Options{Hub: h, Open: []string{p.Namespace}, Hooks: hooks}))
	}
	r.cutter = NewCutter(t, nodes...)
	for i := range p.Channels {
		r.channels = append(r.channels, p.Namespace+":"+strconv.Itoa(i))
	}
	for i := range p.Go {
		r.startGo(i)
	}
	if p.JavaScript > 0 {
		r.startJavaScript()
	}
	r.await("joined", &r.ready)
	r.publish()
	r.await("got everything", &r.done)
	passed, cut := r.cutter.Counts()
	t.Logf("published %d in %d channels, to %d clients; delivered %d; %d connections, of which %d were cut; %d recoveries of %d messages; %d publications tried again",
		p.Messages*p.Channels, p.Channels, p.Go+p.JavaScript, r.delivered.Load(), passed, cut, r.recovered.Load(), r.missed.Load(), r.refused)
	if cut < p.Cuts || r.recovered.Load() == 0 || r.missed.Load() == 0 {
		t.Errorf("%d cuts and %d recoveries of %d messages prove nothing", cut, r.recovered.Load(), r.missed.Load())
	}
	if want := int64(p.Messages * p.Channels * (p.Go + p.JavaScript)); r.delivered.Load() != want {
		t.Errorf("delivered %d, want %d", r.delivered.Load(), want)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		t.Error(f)
	}
}

// Serve serves the client protocol and events on a port of this machine until the test
// ends, and returns the address.
func Serve(t testing.TB, opts server.Options) string {
	t.Helper()
	if opts.WebSocket.Logger == nil {
		opts.WebSocket.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", s.WebSocket())
	mux.Handle("/sse/{channel}", s.Events())
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		srv.Serve(l)
	}()
	t.Cleanup(func() {
		opts.Hub.Close() // which ends the clients
		srv.Close()
		<-done
	})
	return l.Addr().String()
}

func (r *run) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) < 20 {
		r.faults = append(r.faults, fmt.Sprintf(format, args...))
	}
}

// await waits for wg, or fails the test when the time is up.
func (r *run) await(what string, wg *sync.WaitGroup) {
	r.t.Helper()
	done := make(chan struct{})
	go func() { // ends with the wait
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-r.ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		r.t.Fatalf("not all have %s, of %d messages delivered; faults: %q", what, r.delivered.Load(), r.faults)
	}
}

// publish publishes everything, and cuts connections meanwhile: evenly, so that there
// is no long time without either.
func (r *run) publish() {
	for i := range r.Messages {
		for _, channel := range r.channels {
			r.publishOne(r.Hubs[i%len(r.Hubs)], channel, i)
		}
		if i*r.Cuts/r.Messages != (i+1)*r.Cuts/r.Messages {
			r.cut()
		}
	}
}

func (r *run) publishOne(h *hub.Hub, channel string, i int) {
	key := channel + "/" + strconv.Itoa(i)
	for {
		_, err := h.Publish(r.ctx, channel, fmt.Appendf(nil, `{"n":%d}`, i), &hub.PublishOptions{IdempotencyKey: key})
		if err == nil {
			return
		}
		if !errors.Is(err, hub.ErrUnavailable) {
			r.t.Fatal(err)
		}
		r.refused++
		r.pause(10 * time.Millisecond)
	}
}

// cut waits for a connection and cuts it, and gives clients a moment to come back.
func (r *run) cut() {
	for !r.cutter.Cut() {
		r.pause(time.Millisecond)
	}
	r.pause(rand.N(20 * time.Millisecond))
}

// pause sets the pace; nothing depends on how long it takes.
func (r *run) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
		r.t.Fatal("the time is up while messages are published")
	}
}

// startGo starts a client with centrifuge-go.
func (r *run) startGo(id int) {
	c := centrifuge.NewJsonClient("ws://"+r.cutter.Addr()+"/connection/websocket", centrifuge.Config{
		MinReconnectDelay: 10 * time.Millisecond,
		MaxReconnectDelay: 500 * time.Millisecond,
		HandshakeTimeout:  30 * time.Second,
		WriteTimeout:      30 * time.Second,
	})
	r.t.Cleanup(c.Close)
	c.OnDisconnected(func(e centrifuge.DisconnectedEvent) {
		if e.Code != 0 { // else the test has
			r.fault("client %d: disconnected: %d %s", id, e.Code, e.Reason)
		}
	})
	for _, channel := range r.channels {
		sub, err := c.NewSubscription(channel, centrifuge.SubscriptionConfig{
			MinResubscribeDelay: 10 * time.Millisecond,
			MaxResubscribeDelay: 500 * time.Millisecond,
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.watch(id, channel, sub)
		if err := sub.Subscribe(); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := c.Connect(); err != nil {
		r.t.Fatal(err)
	}
}

// watch notes what a subscription gets. Its handlers are called one after another.
func (r *run) watch(id int, channel string, sub *centrifuge.Subscription) {
	r.ready.Add(1)
	r.done.Add(1)
	joined := sync.OnceFunc(r.ready.Done)
	next := 0
	sub.OnSubscribed(func(e centrifuge.SubscribedEvent) {
		joined()
		if e.WasRecovering && !e.Recovered {
			r.fault("client %d: %s: not recovered after %d", id, channel, next)
		}
		if e.WasRecovering && e.Recovered {
			r.recovered.Add(1)
		}
	})
	sub.OnUnsubscribed(func(e centrifuge.UnsubscribedEvent) {
		if e.Code != 0 && e.Code != 2 { // else the test has
			r.fault("client %d: %s: unsubscribed: %d %s", id, channel, e.Code, e.Reason)
		}
	})
	sub.OnPublication(func(e centrifuge.PublicationEvent) {
		var data struct{ N int }
		if err := json.Unmarshal(e.Data, &data); err != nil || data.N != next {
			r.fault("client %d: %s: got %s, want %d", id, channel, e.Data, next)
		}
		next = data.N + 1
		r.delivered.Add(1)
		if next == r.Messages {
			r.done.Done()
		}
	})
}

// startJavaScript starts the clients with the npm SDK.
func (r *run) startJavaScript() {
	args := append([]string{"ws://" + r.cutter.Addr() + "/connection/websocket", strconv.Itoa(r.JavaScript), strconv.Itoa(r.Messages)}, r.channels...)
	script := NewScript(r.ctx, r.t, "recover.js", args...)
	r.ready.Add(1)
	r.done.Add(1)
	go func() { // ends with the script, which the test's end kills
		ready := sync.OnceFunc(r.ready.Done)
		defer r.done.Done()
		defer ready()
		for line := range script.Lines {
			if line == "ready" {
				ready()
				continue
			}
			var result struct {
				Delivered, Recovered int64
				Faults               []string
			}
			if err := json.Unmarshal([]byte(line), &result); err != nil {
				r.fault("recover.js: %s", line)
				continue
			}
			r.delivered.Add(result.Delivered)
			r.recovered.Add(result.Recovered)
			for _, f := range result.Faults {
				r.fault("recover.js: %s", f)
			}
		}
	}()
}
