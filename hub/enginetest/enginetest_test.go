package enginetest

import (
	"testing"

	"github.com/wye-org/wye/hub"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is the engine that the faulty ones are made of.
func memory() Subject {
	return Subject{
		New:    func(testing.TB) hub.Engine { return hub.NewMemory(nil) },
		Kill:   func(l hub.Link) { l.(interface{ Kill() }).Kill() },
		Cut:    func(e hub.Engine) func() { return e.(*hub.Memory).Cut() },
		Forget: func(e hub.Engine) { e.(*hub.Memory).Forget() },
		Bubble: true,
	}
}

func TestMemory(t *testing.T) { Run(t, memory()) }
