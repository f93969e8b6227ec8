package servertest_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server/servertest"
)

// A client of centrifuge-go that was closed keeps a goroutine for each of its last
// commands until the time for the answer is up.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/centrifugal/centrifuge-go.(*Client).sendAsync.func1"))
}

// newHub is a node of the engine.
func newHub(t *testing.T, engine hub.Engine, namespaces ...hub.Namespace) *hub.Hub {
	t.Helper()
	h, err := hub.New(hub.Options{Engine: engine, Namespaces: namespaces, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestEveryMessageOnce(t *testing.T) {
	for name, nodejs := range map[string]bool{"centrifuge-go": false, "npm centrifuge": true} {
		t.Run(name, func(t *testing.T) {
			if race && !nodejs {
				t.Skip("centrifuge-go has races of its own when a connection ends: v0.10.12 sets Client.transport without its lock")
			}
			p := servertest.Proof{Namespace: "proof"}.Size(nodejs)
			engine := hub.NewMemory(nil)
			for range 2 {
				p.Hubs = append(p.Hubs, newHub(t, engine, servertest.Namespace("proof", p.Messages)))
			}
			p.Run(t)
		})
	}
}
