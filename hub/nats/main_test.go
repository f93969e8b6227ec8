package nats_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/enginetest"
	"github.com/wye-org/wye/hub/nats"
	"go.uber.org/goleak"
)

// programs is where programs are built.
var programs string

// Most of what tests here do is wait: for servers, and for time to pass.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", "3")
	}
	var err error
	if programs, err = os.MkdirTemp("", "wye-nats-"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(programs)
		os.Exit(code)
	}))
}

// slow reports whether tests may take their time.
func slow() bool { return os.Getenv("WYE_SLOW") == "1" }

// obligations runs the checks of every engine.
func obligations(t *testing.T, s *servers, interleavings int) {
	var skip []string
	switch {
	case slow():
		interleavings *= 20
	case len(s.Opts) > 1:
		skip = []string{"ttl", "lease", "unsubscribe"} // which wait, and for one server do so too
	}
	t.Run("checks", func(t *testing.T) {
		enginetest.Run(t, enginetest.Subject{
			New:           func(t testing.TB) hub.Engine { return s.engine(t, nil) },
			Kill:          nats.Kill,
			Cut:           func(e hub.Engine) func() { return e.(*engine).Cut() },
			Forget:        func(e hub.Engine) { e.(*engine).Forget() },
			Parallel:      true,
			Skip:          skip,
			Interleavings: interleavings,
		})
	})
}

func TestOneServer(t *testing.T) {
	t.Parallel()
	obligations(t, startServers(t, 1, nil), 100)
}

func TestThreeServers(t *testing.T) {
	t.Parallel()
	obligations(t, startServers(t, 3, nil), 50)
}
