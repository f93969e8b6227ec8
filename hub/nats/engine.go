package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
)

// Engine is a [hub.Engine] over NATS. Every hub that is opened on it, in this
// process or another with the same servers and prefix, is a node of one.
type Engine struct{ opt Options }

var _ hub.Engine = (*Engine)(nil)

// New checks opts and returns the engine. Nothing is connected until a hub opens it.
func New(opts Options) (*Engine, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	return &Engine{opts}, nil
}

// Open implements [hub.Engine]: it connects, and makes the streams that the
// namespaces need. It waits for the servers for as long as Options.Wait.
func (e *Engine) Open(r hub.Receiver, namespaces []hub.Namespace) (hub.Link, error) {
	ctx, cancel := context.WithTimeout(context.Background(), e.opt.Wait)
	defer cancel()
	l := newLink(&e.opt, r, namespaces)
	if err := l.open(ctx, namespaces); err != nil {
		l.end()
		return nil, err
	}
	return l, nil
}

// connect opens the link's connection.
func (l *link) connect(ctx context.Context) error {
	o := l.opt
	opts := []natsgo.Option{
		natsgo.Name("wye hub " + l.peers.id),
		natsgo.MaxReconnects(-1),
		natsgo.ReconnectWait(reconnectWait),
		natsgo.ReconnectJitter(reconnectWait, reconnectWait),
		natsgo.ReconnectBufSize(-1), // what cannot be sent fails at once
		natsgo.PingInterval(pingEvery),
		natsgo.MaxPingsOutstanding(2),
		natsgo.Timeout(o.Timeout),
		natsgo.IgnoreAuthErrorAbort(),
		natsgo.DisconnectErrHandler(func(_ *natsgo.Conn, err error) { l.disconnected(err) }),
		natsgo.ReconnectHandler(func(*natsgo.Conn) { l.start(l.reconnected) }), // ends when the streams were looked at
		natsgo.ErrorHandler(func(_ *natsgo.Conn, s *natsgo.Subscription, err error) { l.asyncError(s, err) }),
	}
	if o.TLS != nil {
		opts = append(opts, natsgo.Secure(o.TLS))
	}
	switch {
	case o.CredentialsFile != "":
		opts = append(opts, natsgo.UserCredentials(o.CredentialsFile))
	case o.NKeySeedFile != "":
		key, err := natsgo.NkeyOptionFromSeed(o.NKeySeedFile)
		if err != nil {
			return fmt.Errorf("hub/nats: the nkey's seed in %s: %w", o.NKeySeedFile, err)
		}
		opts = append(opts, key)
	case o.User != "" || o.Password != "":
		opts = append(opts, natsgo.UserInfo(o.User, o.Password))
	case o.Token != "":
		opts = append(opts, natsgo.Token(o.Token))
	}
	where := strings.Join(o.Servers, ",")
	if o.InProcess != nil {
		opts, where = append(opts, natsgo.InProcessServer(o.InProcess)), ""
	}
	return l.awaitServer(ctx, func() (err error) {
		l.nc, err = natsgo.Connect(where, opts...)
		return err
	})
}

// awaitServer repeats connect until it succeeds, or what is wrong will not go by
// itself.
func (l *link) awaitServer(ctx context.Context, connect func() error) error {
	return l.await(ctx, func(context.Context) error {
		err := connect()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, natsgo.ErrAuthorization), errors.Is(err, natsgo.ErrAuthExpired):
			return fmt.Errorf("%w: NATS does not accept our credentials", err)
		case errors.Is(err, natsgo.ErrSecureConnRequired), errors.Is(err, natsgo.ErrSecureConnWanted):
			return fmt.Errorf("%w: use tls:// exactly if the server has TLS", err)
		case errors.Is(err, natsgo.ErrNoServers), errors.Is(err, natsgo.ErrTimeout):
			return away(fmt.Sprintf("no NATS server answers at %s", l.opt.where()))
		}
		return away(err)
	})
}

// where is the servers' addresses without what is secret in them.
func (o *Options) where() string {
	if o.InProcess != nil {
		return "this process"
	}
	servers := slices.Clone(o.Servers)
	for i, s := range servers {
		if scheme, rest, ok := strings.Cut(s, "://"); ok {
			servers[i] = scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
		} else {
			servers[i] = s[strings.LastIndex(s, "@")+1:]
		}
	}
	return strings.Join(servers, ", ")
}

// open connects, makes the streams, finds their epochs, and meets the other nodes.
func (l *link) open(ctx context.Context, namespaces []hub.Namespace) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	js, err := jetstream.New(l.nc, jetstream.WithDefaultTimeout(l.opt.Timeout))
	if err != nil {
		return explain(err)
	}
	l.js = js
	l.connected()
	if err := l.await(ctx, func(ctx context.Context) error { return ensure(ctx, js, l.peers.config(l.opt)) }); err != nil {
		return err
	}
	if err := l.openStreams(ctx); err != nil {
		return err
	}
	l.start(l.receive) // ends with the link
	return l.meet(ctx)
}

// openStreams makes the streams, some at a time.
func (l *link) openStreams(ctx context.Context) error {
	var all sync.WaitGroup
	var mu sync.Mutex // guards failed
	var failed error
	slots := make(chan struct{}, 8)
	for _, streams := range l.streams {
		for _, s := range streams {
			slots <- struct{}{}
			all.Go(func() { // ends with the stream; waited for below
				defer func() { <-slots }()
				err := l.await(ctx, func(ctx context.Context) error { return ensure(ctx, l.js, l.configs[s.name]) })
				if err == nil {
					err = l.await(ctx, func(ctx context.Context) error { _, err := l.recheck(ctx, s); return err })
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return failed
}
