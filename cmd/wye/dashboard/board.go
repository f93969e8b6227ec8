// Package dashboard is the scenario of the real-time dashboard: the server's own
// metrics, second by second, over WebSocket. docs/dashboard.md describes its
// protocol.
package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// Subprotocol is the name of the protocol that docs/dashboard.md describes.
const Subprotocol = "metrics-v1"

// How often a sample is taken, and how many a newcomer finds.
const (
	Interval = time.Second
	kept     = 300
)

// queueMessages is how many samples wait for a slow viewer. Then the oldest are
// dropped: the counts in the next one have all that they had.
const queueMessages = 5

// channel is where the samples are published.
const channel = "metrics:live"

// A Board shows samples to whoever watches. Make one with [New]; its methods may
// be called concurrently.
type Board struct {
	hub  *hub.Hub
	node string                // which of several servers it is of; "": there is one
	take func() metrics.Sample // called by one goroutine at a time

	sampling sync.WaitGroup

	mu       sync.Mutex
	watching int
	closed   bool
	stop     context.CancelFunc // ends the sampling; nil: there was none yet
	ended    chan struct{}      // closed when it has ended
	last     []encoded          // the last samples, the oldest first
}

// encoded is a sample as it is sent.
type encoded struct {
	at   time.Time
	json []byte
}

// New returns a board of what take returns. node says which of several servers that
// is of; empty: there is one. The caller closes it.
func New(node string, take func() metrics.Sample, log *slog.Logger) (*Board, error) {
	h, err := hub.New(hub.Options{
		Namespaces: []hub.Namespace{{Name: "metrics", Slow: hub.DropOldest, MaySubscribe: hub.Anyone}},
		Logger:     log,
	})
	if err != nil {
		return nil, err
	}
	return &Board{hub: h, node: node, take: take}, nil
}

// Close ends the sampling and the connections that are still there.
func (b *Board) Close() {
	b.hub.Close()
	b.mu.Lock()
	b.closed = true
	if b.stop != nil {
		b.stop()
	}
	b.mu.Unlock()
	b.sampling.Wait()
}

// Handler serves viewers. The bounds and the subprotocol of accept are its own.
func (b *Board) Handler(accept websocket.AcceptOptions) http.Handler {
	accept.Subprotocols = []string{Subprotocol}
	accept.MaxMessage = 1 << 10 // there is nothing to say
	accept.MessageRate = 1
	accept.Deflate.Enabled = true // of numbers that everyone who watches may know
	accept.Deflate.ServerNoTakeover = true
	return websocket.Handler(b.watch, &accept)
}

// watch shows c the samples until it ends.
func (b *Board) watch(ctx context.Context, c *websocket.Conn) error {
	viewer, err := b.hub.Connect(hubws.Outlet(c, nil), &hub.ClientOptions{QueueMessages: queueMessages})
	if err != nil {
		return gone(err)
	}
	defer viewer.Close()
	if _, err := viewer.Join(ctx, channel, &hub.JoinOptions{Greet: b.greet}); err != nil {
		return gone(err)
	}
	b.enter()
	defer b.leave()
	var buf []byte
	for {
		if _, buf, err = c.ReadInto(ctx, buf[:0]); err != nil {
			return gone(err)
		}
	}
}

// gone is nil for a connection, or a board, that has ended.
func gone(err error) error {
	var closed *websocket.CloseError
	if errors.As(err, &closed) || errors.Is(err, hub.ErrClosed) {
		return nil
	}
	return err
}

// enter has samples taken as long as somebody watches.
func (b *Board) enter() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watching++
	if b.watching > 1 || b.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	before, ended := b.ended, make(chan struct{})
	b.stop, b.ended = cancel, ended
	b.sampling.Go(func() { // ends with the last viewer
		defer close(ended)
		if before != nil {
			<-before // it was told to stop: there is one sampling at a time
		}
		b.sample(ctx)
	})
}

func (b *Board) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watching--
	if b.watching == 0 && b.stop != nil {
		b.stop()
	}
}

// sample takes samples until ctx ends, the first one at once.
func (b *Board) sample(ctx context.Context) {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		b.publish(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// publish shows everyone a sample. Encoding and framing is once for all.
func (b *Board) publish(ctx context.Context) {
	p, err := json.Marshal(b.take())
	if err != nil {
		return // a Sample has no value that can fail
	}
	b.mu.Lock()
	b.last = append(b.last, encoded{time.Now(), p})
	if len(b.last) > kept {
		b.last = append(b.last[:0], b.last[len(b.last)-kept:]...)
	}
	b.mu.Unlock()
	b.hub.Publish(ctx, channel, p, nil) // fails only when the hub is closed
}

// greet is what a newcomer is told first: the samples of the last minutes, as
// far as somebody watched then. One that is published in this moment may follow
// once more.
func (b *Board) greet(*hub.Welcome) []*hub.Message {
	var p bytes.Buffer
	p.WriteString(`{"type":"history",`)
	if name, err := json.Marshal(b.node); err == nil && b.node != "" {
		p.WriteString(`"node":`)
		p.Write(name)
		p.WriteByte(',')
	}
	p.WriteString(`"samples":[`)
	b.mu.Lock()
	oldest, n := time.Now().Add(-kept*Interval), 0
	for _, s := range b.last {
		if s.at.Before(oldest) {
			continue
		}
		if n++; n > 1 {
			p.WriteByte(',')
		}
		p.Write(s.json)
	}
	b.mu.Unlock()
	p.WriteString(`]}`)
	return []*hub.Message{{Data: p.Bytes()}}
}
