package nats

import (
	"context"
	"errors"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
)

// How the connection is kept.
const (
	reconnectWait = 100 * time.Millisecond
	pingEvery     = 2 * time.Second // so a server that is silent is left after 6
)

// inboxMost is how many messages wait to be handed on. What comes when so many
// wait is lost on the way: stored messages are read again, live ones are gone.
const inboxMost = 8192

// link is a node's link: one connection, on which every channel is a subscription,
// and all of these end in one queue that one goroutine reads.
type link struct {
	opt     *Options
	r       hub.Receiver
	nc      *natsgo.Conn
	js      jetstream.JetStream
	streams map[string][]*stream // by namespace
	configs map[string]jetstream.StreamConfig
	inbox   chan *natsgo.Msg
	tails   budget
	looks   flights // of channels whose top is asked for
	loads   flights // of channels whose history is read
	checks  flights // of streams whose epoch is asked for
	settles flights // of waiting for other servers
	rolls   flights // of channels whose members are asked for
	peers   peers
	members members
	listen  func() error // has what every node hears subscribed, the first time

	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	wg     sync.WaitGroup // of what start started

	mu      sync.Mutex // guards what is below
	closed  bool
	on      context.Context // ends with the connection; nil: there is none
	off     context.CancelFunc
	stale   bool             // since the last one ended the streams were not looked at
	feeds   map[string]*feed // by subject
	dropped uint64           // messages for which there was no room
}

func newLink(o *Options, r hub.Receiver, namespaces []hub.Namespace) *link {
	l := &link{
		opt:     o,
		r:       r,
		streams: map[string][]*stream{},
		configs: map[string]jetstream.StreamConfig{},
		inbox:   make(chan *natsgo.Msg, inboxMost),
		feeds:   map[string]*feed{},
	}
	l.tails.most = o.TailBytes
	l.listen = sync.OnceValue(l.listenNow)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for i := range namespaces {
		ns := &namespaces[i]
		if ns.History.Size == 0 {
			continue
		}
		for b := range o.Buckets {
			s := o.stream(ns, b)
			l.streams[ns.Name] = append(l.streams[ns.Name], s)
			l.configs[s.name] = o.config(s, ns)
		}
	}
	l.peers.init(l, namespaces)
	return l
}

// start runs f on a goroutine that Close waits for, unless the link is closed.
func (l *link) start(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.wg.Go(f) // ends when f does; waited for by end
	return true
}

// online is a context that ends with the connection, or the reason why there is
// none.
func (l *link) online() (context.Context, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.onlineLocked()
}

func (l *link) onlineLocked() (context.Context, error) {
	switch {
	case l.closed:
		return nil, hub.ErrClosed
	case l.on == nil:
		return nil, away("there is no connection to NATS; it is tried again")
	}
	return l.on, nil
}

// ready is online for what the node asks for: after an outage it waits until the
// streams were looked at.
func (l *link) ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.onlineLocked()
	if err == nil && l.stale {
		err = away("NATS is back; what it has is being looked at")
	}
	return err
}

// looked notes that the streams were looked at over a connection, and reports whether
// it is still that one.
func (l *link) looked(on context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on != on {
		return false
	}
	l.stale = false
	return true
}

func (l *link) connected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on == nil && !l.closed {
		l.on, l.off = context.WithCancel(l.ctx)
	}
}

func (l *link) disconnected(err error) {
	l.mu.Lock()
	had := l.on != nil && !l.closed
	if l.on != nil {
		l.off()
		l.on, l.stale = nil, true
	}
	l.mu.Unlock()
	if !had {
		return
	}
	if err == nil {
		err = errors.New("the connection was closed")
	}
	l.r.Away(away(err))
}

// reconnected looks at every stream, and then says that the engine is back.
func (l *link) reconnected() {
	l.connected()
	online, err := l.online()
	if err != nil {
		return
	}
	for _, streams := range l.streams {
		for _, s := range streams {
			err := l.await(online, func(ctx context.Context) error { _, err := l.recheck(ctx, s); return err })
			if err == nil {
				err = l.settleLeader(online, s)
			}
			if err != nil {
				if online.Err() == nil {
					l.opt.Logger.Error("hub/nats: a stream is not as it should be", "stream", s.name, "err", err)
				}
				return // the next connection tries again
			}
		}
	}
	if err := l.meet(online); err != nil {
		return
	}
	if l.looked(online) {
		l.r.Back()
	}
}

// asyncError is told what NATS says besides answers.
func (l *link) asyncError(s *natsgo.Subscription, err error) {
	if errors.Is(err, natsgo.ErrSlowConsumer) {
		l.mu.Lock()
		l.dropped++
		first := l.dropped&(l.dropped-1) == 0
		n := l.dropped
		l.mu.Unlock()
		if first {
			l.opt.Logger.Warn("hub/nats: messages come faster than they are handed on; stored ones are read again", "times", n)
		}
		return
	}
	subject := ""
	if s != nil {
		subject = s.Subject
	}
	l.opt.Logger.Warn("hub/nats: NATS reports an error", "subject", subject, "err", err)
}

// Close implements [hub.Link].
func (l *link) Close() error {
	l.leave()
	l.end()
	return nil
}

// end ends the link without a word to others.
func (l *link) end() {
	l.mu.Lock()
	was := l.closed
	l.closed = true
	if l.on != nil {
		l.off()
		l.on = nil
	}
	l.mu.Unlock()
	if was {
		return
	}
	l.cancel()
	if l.nc != nil {
		l.nc.Close()
	}
	l.wg.Wait()
}
