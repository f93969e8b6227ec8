package nats_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
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
)

// quiet is a logger for what is expected to go wrong; WYE_LOG=1 shows it.
var quiet = func() *slog.Logger {
	if os.Getenv("WYE_LOG") == "1" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}()

// servers are NATS servers in this process, one or a cluster of three, which can be
// stopped and started again.
type servers struct {
	t    testing.TB
	opts []embedded.Options

	mu sync.Mutex // guards up
	up []*embedded.Server
}

// startServers starts n servers that end with the test.
func startServers(t testing.TB, n int, change func(*embedded.Options)) *servers {
	s := &servers{t: t, up: make([]*embedded.Server, n)}
	for try := 0; ; try++ {
		s.opts = make([]embedded.Options, n)
		routes := freePorts(t, n)
		for i := range s.opts {
			s.opts[i] = embedded.Options{Dir: t.TempDir(), Name: fmt.Sprint("n", i), Logger: quiet}
			if n > 1 {
				s.opts[i].Cluster = &embedded.Cluster{Listen: routes[i], Routes: routes}
			}
			if change != nil {
				change(&s.opts[i])
			}
		}
		err := s.startAll()
		if err == nil {
			break
		}
		s.stopAll()
		if !strings.Contains(err.Error(), "address already in use") || try == 5 {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.stopAll)
	return s
}

// freePorts are addresses that nobody listens on. They are below those that the
// system gives to outgoing connections, so that none of these takes one meanwhile.
func freePorts(t testing.TB, n int) (addresses []string) {
	for tries := 0; len(addresses) < n; tries++ {
		if tries == 1000 {
			t.Fatal("there is no free port")
		}
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+mathrand.IntN(20_000)))
		if err != nil {
			continue
		}
		addresses = append(addresses, l.Addr().String())
		defer l.Close()
	}
	return addresses
}

// startAll starts those that are not up, all at once, since they wait for each other.
func (s *servers) startAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(s.opts))
	for i := range s.opts {
		if s.get(i) != nil {
			continue
		}
		all.Go(func() { // ends when the server is ready, or cannot be
			var server *embedded.Server
			if server, errs[i] = embedded.Start(ctx, s.opts[i]); errs[i] == nil {
				s.set(i, server)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *servers) stopAll() {
	var all sync.WaitGroup
	for i := range s.opts {
		all.Go(func() { s.stop(i) }) // ends with the server
	}
	all.Wait()
}

// stop ends a server as one ends that is killed by its machine: it says nothing to
// the others.
func (s *servers) stop(i int) {
	if server := s.get(i); server != nil {
		s.set(i, nil)
		done, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(done)
	}
}

func (s *servers) get(i int) *embedded.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up[i]
}

func (s *servers) set(i int, server *embedded.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up[i] = server
}

// admin is a connection beside the engines'.
func (s *servers) admin() jetstream.JetStream {
	for i := range s.opts {
		server := s.get(i)
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
	if len(s.opts) > 1 {
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
	for range e.servers.opts {
		e.next++
		if server := e.servers.get(e.next % len(e.servers.opts)); server != nil {
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
