package natstest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye/hub/nats/embedded"
)

// Servers are NATS servers in this process, one or a cluster, which can be stopped
// and started again.
type Servers struct {
	Opts []embedded.Options // of each; not to be changed

	mu sync.Mutex // guards up
	up []*embedded.Server
}

// Start starts n servers that end with the test, and waits until they are ready. change
// may be nil, or change the options of each, which have no logger.
func Start(t testing.TB, n int, change func(*embedded.Options)) *Servers {
	s := &Servers{up: make([]*embedded.Server, n)}
	for try := 0; ; try++ {
		s.Opts = make([]embedded.Options, n)
		routes := FreePorts(t, n)
		for i := range s.Opts {
			s.Opts[i] = embedded.Options{Dir: t.TempDir(), Name: fmt.Sprint("n", i), Logger: slog.New(slog.DiscardHandler)}
			if n > 1 {
				s.Opts[i].Cluster = &embedded.Cluster{Listen: routes[i], Routes: routes}
			}
			if change != nil {
				change(&s.Opts[i])
			}
		}
		err := s.StartAll()
		if err == nil {
			break
		}
		s.StopAll()
		if !strings.Contains(err.Error(), "address already in use") || try == 5 {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.StopAll)
	return s
}

// FreePorts are addresses that nobody listens on. They are below those that the
// system gives to outgoing connections, so that none of these takes one meanwhile.
func FreePorts(t testing.TB, n int) (addresses []string) {
	for tries := 0; len(addresses) < n; tries++ {
		if tries == 1000 {
			t.Fatal("there is no free port")
		}
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(20_000)))
		if err != nil {
			continue
		}
		addresses = append(addresses, l.Addr().String())
		defer l.Close()
	}
	return addresses
}

// Server is one of them; nil: it is not up.
func (s *Servers) Server(i int) *embedded.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up[i]
}

// StartAll starts those that are not up, all at once, since they wait for each other.
func (s *Servers) StartAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(s.Opts))
	for i := range s.Opts {
		if s.Server(i) != nil {
			continue
		}
		all.Go(func() { // ends when the server is ready, or cannot be
			var server *embedded.Server
			if server, errs[i] = embedded.Start(ctx, s.Opts[i]); errs[i] == nil {
				s.set(i, server)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// StopAll ends those that are up as servers end whose machines do: they say nothing to
// each other.
func (s *Servers) StopAll() {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	var all sync.WaitGroup
	for i := range s.Opts {
		if server := s.Server(i); server != nil {
			s.set(i, nil)
			all.Go(func() { server.Shutdown(over) }) // ends with the server
		}
	}
	all.Wait()
}

func (s *Servers) set(i int, server *embedded.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up[i] = server
}
