package game

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"

	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
)

// A house has the sessions. Each is two channels of a hub: in one its viewers
// get the states, in the other its owner hears what members do. Of the servers that
// share the hub's engine one is its owner, by a lease.
type house struct {
	hub      *hub.Hub
	sessions sessions
}

// stateKey is what states are conflated by. What else a viewer is sent has none.
const stateKey = "state"

// ownerPrincipal is whom the hub lets hear what members do: nobody who connects has
// it.
var ownerPrincipal = "owner of games " + rand.Text()

var errNotOwner = errors.New("game: only the owner of a session hears what is done")

func seenIn(session string) string { return "game:" + session }
func doneIn(session string) string { return "game-input:" + session }

// Namespaces are what the hub of a Handler has to have, beside that of leases.
func Namespaces(limits rooms.Limits) []hub.Namespace {
	return []hub.Namespace{{
		Name:         "game",
		Slow:         hub.Conflate,
		MaxChannels:  limits.Rooms,
		MaxMembers:   limits.Seats,
		MaySubscribe: hub.Anyone,
	}, {
		Name: "game-input",
		Slow: hub.DropOldest, // which is what an owner does with too many inputs
		MaySubscribe: func(_ context.Context, r hub.Request) error {
			if r.Principal != ownerPrincipal {
				return errNotOwner
			}
			return nil
		},
	}}
}

func newHouse(h *hub.Hub) *house {
	return &house{h, sessions{
		byName: map[string]*session{},
		open:   func(name string) *owner { return newOwner(h, name, newSeed()) },
	}}
}

func newSeed() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])
}
