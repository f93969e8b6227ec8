package embedded_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/wye-org/wye/hub/nats/embedded"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func TestOptionsThatAreRefused(t *testing.T) {
	secret := []byte(strings.Repeat("s", embedded.SecretLeast))
	near := []string{"127.0.0.1:6222"}
	for _, tt := range []struct {
		want    string
		cluster *embedded.Cluster
	}{
		{"needs Routes", &embedded.Cluster{Listen: "127.0.0.1:0"}},
		{"HOST:PORT", &embedded.Cluster{Routes: near}},
		{"HOST:PORT", &embedded.Cluster{Listen: "127.0.0.1", Routes: near}},
		{"needs a secret", &embedded.Cluster{Listen: ":0", Routes: near}},
		{"needs a secret", &embedded.Cluster{Listen: "0.0.0.0:0", Routes: near}},
		{"needs a secret", &embedded.Cluster{Listen: "10.0.0.1:6222", Routes: near}},
		{"needs a secret", &embedded.Cluster{Listen: "127.0.0.1:0", Routes: []string{"192.0.2.1:6222"}}},
		{"needs a secret", &embedded.Cluster{Listen: "127.0.0.1:0", Routes: []string{"example.org:6222"}}},
		{"31 bytes, want 32", &embedded.Cluster{Listen: "127.0.0.1:0", Routes: near, Secret: secret[1:]}},
		{"HOST:PORT", &embedded.Cluster{Listen: "127.0.0.1:0", Secret: secret, Routes: []string{":6222"}}},
		{"no number", &embedded.Cluster{Listen: "127.0.0.1:nats", Routes: near, Secret: secret}},
	} {
		s, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Cluster: tt.cluster, Logger: quiet})
		if err == nil {
			s.Shutdown(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.cluster, err, tt.want)
		}
	}
	if _, err := embedded.Start(t.Context(), embedded.Options{}); err == nil || !strings.Contains(err.Error(), "Dir") {
		t.Errorf("without a Dir: %v", err)
	}
	if _, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Name: "a b"}); err == nil || !strings.Contains(err.Error(), "spaces") {
		t.Errorf("with spaces in the name: %v", err)
	}
}

// connect is a client of a server's, in the process.
func connect(t *testing.T, s *embedded.Server) *natsgo.Conn {
	nc, err := natsgo.Connect("", natsgo.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// A server that is alone can be reached from its process and nowhere else, and finds
// again what it had stored.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if s.ClusterAddr() != nil {
			t.Errorf("it listens at %v", s.ClusterAddr())
		}
		nc := connect(t, s)
		js, err := nc.JetStream()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := js.AddStream(&natsgo.StreamConfig{Name: "s", Subjects: []string{"s"}}); err != nil {
				t.Fatal(err)
			}
		}
		if ack, err := js.Publish("s", nil); err != nil || ack.Sequence != uint64(i+1) {
			t.Errorf("start %d: stored at %+v, %v", i+1, ack, err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// start starts one of a cluster of which it need not see the rest.
func start(t *testing.T, name, listen string, routes []string, secret string, wait time.Duration) (*embedded.Server, error) {
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	return embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), Name: name, Logger: quiet,
		Cluster: &embedded.Cluster{Listen: listen, Routes: routes, Secret: []byte(secret)}})
}

func TestAPortThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = start(t, "a", l.Addr().String(), []string{l.Addr().String()}, "", time.Minute)
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}
