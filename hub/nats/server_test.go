package nats_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/embedded"
	"github.com/wye-org/wye/hub/nats/natstest"
)

// quiet is a logger for what is expected to go wrong; WYE_LOG=1 shows it.
var quiet = func() *slog.Logger {
	if os.Getenv("WYE_LOG") == "1" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}()

// servers are the test's.
type servers struct {
	*natstest.Servers
	t testing.TB
}

// startServers starts n servers that end with the test.
func startServers(t testing.TB, n int, change func(*embedded.Options)) *servers {
	return &servers{t: t, Servers: natstest.Start(t, n, func(o *embedded.Options) {
		o.Logger = quiet
		if change != nil {
			change(o)
		}
	})}
}

// admin is a connection beside the engines'.
func (s *servers) admin() jetstream.JetStream {
	for i := range s.Opts {
		server := s.Server(i)
		if server == nil {
			continue
		}
		nc, err := natsgo.Connect("", natsgo.InProcessServer(server))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(nc.Close)
		js, err := jetstream.New(nc)
		if err != nil {
			s.t.Fatal(err)
		}
		return js
	}
	s.t.Fatal("no server is up")
	return nil
}

// engine is one whose connections can be cut. Each of its nodes connects to another
// server, and when that is gone to the next.
type engine struct {
	*nats.Engine
	servers *servers
	prefix  string

	mu    sync.Mutex // guards what is below
	cut   bool
	next  int
	conns []net.Conn
}

// engine makes one whose names no other has.
func (s *servers) engine(t testing.TB, change func(*nats.Options)) *engine {
	e := &engine{servers: s, prefix: strings.ToLower(rand.Text()[:12])}
	o := nats.Options{InProcess: e, Prefix: e.prefix, Buckets: 2, Logger: quiet, Wait: time.Minute, Timeout: 5 * time.Second}
	if len(s.Opts) > 1 {
		o.Replicas = 3
	}
	if change != nil {
		change(&o)
	}
	var err error
	if e.Engine, err = nats.New(o); err != nil {
		t.Fatal(err)
	}
	return e
}

// InProcessConn connects to a server that is up.
func (e *engine) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cut {
		return nil, errors.New("the engine is cut off")
	}
	for range e.servers.Opts {
		e.next++
		if server := e.servers.Server(e.next % len(e.servers.Opts)); server != nil {
			c, err := server.InProcessConn()
			if err == nil {
				e.conns = append(e.conns, c)
			}
			return c, err
		}
	}
	return nil, errors.New("no server is up")
}

// Cut puts the engine out of its nodes' reach.
func (e *engine) Cut() (mend func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cut = true
	for _, c := range e.conns {
		c.Close()
	}
	e.conns = nil
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.cut = false
	}
}

// streams are the engine's with history.
func (e *engine) streams(ctx context.Context, js jetstream.JetStream) (all []jetstream.StreamConfig, err error) {
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		if strings.HasPrefix(info.Config.Name, e.prefix+"-") && info.Config.Name != e.prefix+"-nodes" {
			all = append(all, info.Config)
		}
	}
	return all, list.Err()
}

// Forget removes every stream with history and makes it again, as it is after its
// servers have lost what they had.
func (e *engine) Forget() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	js := e.servers.admin()
	all, err := e.streams(ctx, js)
	if err != nil || len(all) == 0 {
		e.servers.t.Fatalf("%d streams, %v", len(all), err)
	}
	for _, config := range all {
		if err := js.DeleteStream(ctx, config.Name); err != nil {
			e.servers.t.Fatal(err)
		}
		for {
			if _, err = js.CreateStream(ctx, config); err == nil {
				break
			}
			if ctx.Err() != nil {
				e.servers.t.Fatal(err)
			}
		}
	}
}
