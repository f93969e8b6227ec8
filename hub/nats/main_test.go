package nats_test

import (
	"os"
	"testing"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/enginetest"
	"github.com/wye-org/wye/hub/nats"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow reports whether tests may take their time.
func slow() bool { return os.Getenv("WYE_SLOW") == "1" }

// obligations runs the checks of every engine.
func obligations(t *testing.T, s *servers, interleavings int) {
	if slow() {
		interleavings *= 20
	}
	t.Run("checks", func(t *testing.T) {
		enginetest.Run(t, enginetest.Subject{
			New:           func(t testing.TB) hub.Engine { return s.engine(t, nil) },
			Kill:          nats.Kill,
			Cut:           func(e hub.Engine) func() { return e.(*engine).Cut() },
			Forget:        func(e hub.Engine) { e.(*engine).Forget() },
			Parallel:      true,
			Interleavings: interleavings,
		})
	})
}

func TestOneServer(t *testing.T) { obligations(t, startServers(t, 1, nil), 200) }

func TestThreeServers(t *testing.T) { obligations(t, startServers(t, 3, nil), 50) }
