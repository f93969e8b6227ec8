package engines_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/natstest"
	"github.com/wye-org/wye/hub/server/servertest"
)

var quiet = slog.New(slog.DiscardHandler)

// Clients with the unmodified SDKs, whose connections are cut again and again, get
// every message once and in order, from any of three nodes that share an engine of
// three NATS servers.
func TestEveryMessageOnceFromThreeNodes(t *testing.T) {
	servers := natstest.Start(t, 3, nil)
	for name, nodejs := range map[string]bool{"centrifuge-go": false, "npm centrifuge": true} {
		t.Run(name, func(t *testing.T) {
			if race && !nodejs {
				t.Skip("centrifuge-go has races of its own when a connection ends: v0.10.12 sets Client.transport without its lock")
			}
			namespace, _, _ := strings.Cut(name, "-")
			namespace, _, _ = strings.Cut(namespace, " ")
			p := servertest.Proof{Namespace: namespace}.Size(nodejs)
			for i := range servers.Opts {
				opts := servers.Server(i).Options()
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
