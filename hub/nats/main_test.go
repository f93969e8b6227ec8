package nats_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/enginetest"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/embedded"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a logger for what is expected to go wrong.
var quiet = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))

// alone is a server in this process, which can be stopped and started again.
type alone struct {
	*embedded.Server
	dir string
}

func (a *alone) start(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if a.Server, err = embedded.Start(ctx, embedded.Options{Dir: a.dir, Name: "n", Logger: quiet}); err != nil {
		t.Fatal(err)
	}
}

func (a *alone) stop(t testing.TB) {
	if err := a.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func startAlone(t testing.TB) *alone {
	a := &alone{dir: t.TempDir()}
	a.start(t)
	t.Cleanup(func() { a.stop(t) })
	return a
}

// engine is one on a server that may be another later.
func (a *alone) engine(t testing.TB, change func(*nats.Options)) *nats.Engine {
	o := nats.Options{InProcess: a, Buckets: 2, Logger: quiet}
	if change != nil {
		change(&o)
	}
	e, err := nats.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// admin is a connection beside the engine's.
func (a *alone) admin(t testing.TB) jetstream.JetStream {
	nc, err := natsgo.Connect("", natsgo.InProcessServer(a))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// loseAll removes every stream with history and makes it again, as it is after its
// servers have lost their memory.
func loseAll(t testing.TB, js jetstream.JetStream) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		if info.Config.Storage == jetstream.MemoryStorage {
			continue // of the nodes
		}
		if err := js.DeleteStream(ctx, info.Config.Name); err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(ctx, info.Config); err != nil {
			t.Fatal(err)
		}
	}
	if list.Err() != nil {
		t.Fatal(list.Err())
	}
}

func TestOneNode(t *testing.T) {
	var a *alone
	enginetest.Run(t, enginetest.Subject{
		New: func(t testing.TB) hub.Engine {
			a = startAlone(t)
			return a.engine(t, nil)
		},
		Kill: nats.Kill,
		Cut: func(hub.Engine) (mend func()) {
			a.stop(t)
			return func() { a.start(t) }
		},
		Forget:        func(hub.Engine) { loseAll(t, a.admin(t)) },
		Interleavings: 200,
	})
}
