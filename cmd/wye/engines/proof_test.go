package engines_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/embedded"
	"github.com/wye-org/wye/hub/server/servertest"
)

var quiet = slog.New(slog.DiscardHandler)

// Clients with the unmodified SDKs, whose connections are cut again and again, get
// every message once and in order, from any of three nodes that share an engine of
// three NATS servers.
func TestEveryMessageOnceFromThreeNodes(t *testing.T) {
	servers := startCluster(t, 3)
	for name, nodejs := range map[string]bool{"centrifuge-go": false, "npm centrifuge": true} {
		t.Run(name, func(t *testing.T) {
			if race && !nodejs {
				t.Skip("centrifuge-go has races of its own when a connection ends: v0.10.12 sets Client.transport without its lock")
			}
			namespace, _, _ := strings.Cut(name, "-")
			namespace, _, _ = strings.Cut(namespace, " ")
			p := servertest.Proof{Namespace: namespace}.Size(nodejs)
			for _, s := range servers {
				opts := s.Options()
				opts.Replicas, opts.Buckets, opts.Prefix, opts.Logger = 3, 2, namespace, quiet
				engine, err := nats.New(opts)
				if err != nil {
					t.Fatal(err)
				}
				h, err := hub.New(hub.Options{Engine: engine, Namespaces: []hub.Namespace{servertest.Namespace(namespace, p.Messages)}, Logger: quiet})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { h.Close() })
				p.Hubs = append(p.Hubs, h)
			}
			p.Run(t)
		})
	}
}

// startCluster runs a cluster of n NATS servers in this process.
func startCluster(t *testing.T, n int) []*embedded.Server {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for try := 0; ; try++ {
		routes := freePorts(t, n)
		servers, errs := make([]*embedded.Server, n), make([]error, n)
		var all sync.WaitGroup
		for i := range n {
			opts := embedded.Options{Dir: t.TempDir(), Name: fmt.Sprint("n", i), Logger: quiet, Cluster: &embedded.Cluster{Listen: routes[i], Routes: routes}}
			all.Go(func() { servers[i], errs[i] = embedded.Start(ctx, opts) }) // ends when the server is ready, or cannot be
		}
		all.Wait()
		failed := ""
		for i, s := range servers {
			if errs[i] != nil {
				failed = errs[i].Error()
			}
			if s != nil {
				t.Cleanup(func() { s.Shutdown(context.Background()) })
			}
		}
		if failed == "" {
			return servers
		}
		if !strings.Contains(failed, "address already in use") || try == 5 {
			t.Fatal(failed)
		}
	}
}

// freePorts are addresses that nobody listens on. They are below those that the
// system gives to outgoing connections, so that none of these takes one meanwhile.
func freePorts(t *testing.T, n int) (addresses []string) {
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(20_000)))
		if err != nil {
			continue
		}
		addresses = append(addresses, l.Addr().String())
		defer l.Close()
		if len(addresses) == n {
			return addresses
		}
	}
	t.Fatal("there is no free port")
	return nil
}
