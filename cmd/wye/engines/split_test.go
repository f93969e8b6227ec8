package engines

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/enginetest"
)

// A client of centrifuge-go that was closed keeps a goroutine for each of its last
// commands until the time for the answer is up.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/centrifugal/centrifuge-go.(*Client).sendAsync.func1"))
}

// memories are two engines in memory as one.
type memories struct {
	Split
	main, apart *hub.Memory
}

func newMemories(testing.TB) hub.Engine {
	m := memories{main: hub.NewMemory(nil), apart: hub.NewMemory(nil)}
	// enginetest's namespaces, some of them.
	m.Split = Split{Main: m.main, Apart: map[string]hub.Engine{"log": m.apart, "small": m.apart, "none": m.apart}}
	return m
}

// A split engine does what every engine has to.
func TestSplit(t *testing.T) {
	enginetest.Run(t, enginetest.Subject{
		New: newMemories,
		Kill: func(l hub.Link) {
			for _, k := range l.(asking).all {
				k.(interface{ Kill() }).Kill()
			}
		},
		Cut: func(e hub.Engine) func() {
			m := e.(memories)
			mend, other := m.main.Cut(), m.apart.Cut()
			return func() { mend(); other() }
		},
		Forget: func(e hub.Engine) {
			e.(memories).main.Forget()
			e.(memories).apart.Forget()
		},
		Bubble:        true,
		Interleavings: 500,
	})
}

type broken struct{ err error }

func (b broken) Open(hub.Receiver, []hub.Namespace) (hub.Link, error) { return nil, b.err }

// noted is an engine that writes down what it was opened with, and counts its links.
type noted struct {
	hub.Engine
	opened []string
	open   int
}

type notedLink struct {
	hub.Link
	of *noted
}

func (n *noted) Open(r hub.Receiver, namespaces []hub.Namespace) (hub.Link, error) {
	for _, ns := range namespaces {
		n.opened = append(n.opened, ns.Name)
	}
	l, err := n.Engine.Open(r, namespaces)
	n.open++
	return notedLink{l, n}, err
}

func (l notedLink) Close() error {
	l.of.open--
	return l.Link.Close()
}

func TestOpen(t *testing.T) {
	namespaces := []hub.Namespace{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	main, apart := &noted{Engine: hub.NewMemory(nil)}, &noted{Engine: hub.NewMemory(nil)}
	l, err := Split{main, map[string]hub.Engine{"b": apart, "c": apart}}.Open(nil, namespaces)
	if err != nil {
		t.Fatal(err)
	}
	if len(main.opened) != 1 || main.opened[0] != "a" || len(apart.opened) != 2 || apart.open != 1 {
		t.Errorf("opened with %q and %q, %d times", main.opened, apart.opened, apart.open)
	}
	if _, ok := l.(hub.Asker); ok {
		t.Error("its nodes can ask each other, though the main engine's cannot")
	}
	if err := l.Close(); err != nil || main.open != 0 || apart.open != 0 {
		t.Errorf("closed with %v, %d and %d links are open", err, main.open, apart.open)
	}
	failed := errors.New("no")
	if _, err := (Split{broken{failed}, nil}).Open(nil, namespaces); err != failed {
		t.Errorf("opened with %v", err)
	}
	if _, err := (Split{main, map[string]hub.Engine{"b": apart, "c": broken{failed}}}).Open(nil, namespaces); !errors.Is(err, failed) || main.open != 0 || apart.open != 0 {
		t.Errorf("opened with %v, %d and %d links are open", err, main.open, apart.open)
	}
}
