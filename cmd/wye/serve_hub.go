package main

import (
	"log/slog"

	"github.com/wye-org/wye/cmd/wye/chat"
	"github.com/wye-org/wye/cmd/wye/engines"
	"github.com/wye-org/wye/cmd/wye/game"
	"github.com/wye-org/wye/cmd/wye/lease"
	"github.com/wye-org/wye/cmd/wye/relay"
	"github.com/wye-org/wye/cmd/wye/ticker"
	"github.com/wye-org/wye/hub"
)

// newHub opens the hub that all endpoints share, on engine; nil: in memory, where
// what is kept of empty rooms has bounds of its own. extra are the namespaces of
// --namespace. The caller closes it when the
// last connection has ended.
func newHub(engine hub.Engine, name string, extra []hub.Namespace, b bounds, log *slog.Logger) (*hub.Hub, error) {
	if engine == nil {
		engine = inMemory(b)
	}
	return hub.New(hub.Options{
		Engine:     engine,
		Namespaces: append(ownNamespaces(b), extra...),
		MaxMessage: max(1<<20, b.roomMessage),
		Name:       name,
		Version:    versionLine(),
		Logger:     log,
	})
}

// ownNamespaces are those of the demos.
func ownNamespaces(b bounds) []hub.Namespace {
	namespaces := append(chat.Namespaces(b.rooms, b.chat), game.Namespaces(b.rooms)...)
	return append(namespaces, relay.Namespace(b.rooms), ticker.Namespace(), lease.Namespace(), demoNamespace(b))
}

// inMemory is the engine of a server that stands alone.
func inMemory(b bounds) hub.Engine {
	demo := func() hub.Engine {
		return hub.NewMemory(&hub.MemoryOptions{
			MaxChannels: 3 * b.rooms.Rooms, // those with somebody in them, and more that linger
			Linger:      b.rooms.Linger,
		})
	}
	return engines.Split{Main: hub.NewMemory(nil), Apart: map[string]hub.Engine{
		"chat":   demo(),
		"lease":  demo(), // with the worlds of games
		demoName: demo(),
	}}
}

// reserved reports whether a namespace's name is the server's own.
func reserved(name string) bool {
	b := boundsFor(serveOptions{})
	for _, ns := range ownNamespaces(b) {
		if ns.Name == name {
			return true
		}
	}
	return false
}
