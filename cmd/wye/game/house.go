package game

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"

	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
)

// A house has the sessions. Each is two channels of a hub: in one its viewers
// get the states, in the other its owner hears what members do.
type house struct {
	hub      *hub.Hub
	sessions sessions
}

// stateKey is what states are conflated by. What else a viewer is sent has none.
const stateKey = "state"

// ownerPrincipal is whom the hub lets hear what members do. A member has no
// principal: that of a connection is not told to the hub.
const ownerPrincipal = "owner"

var errNotOwner = errors.New("game: only the owner of a session hears what is done")

func seenIn(session string) string { return "seen:" + session }
func doneIn(session string) string { return "done:" + session }

func newHouse(limits rooms.Limits, log *slog.Logger) (*house, error) {
	h, err := hub.New(hub.Options{
		Namespaces: []hub.Namespace{{
			Name:         "seen",
			Slow:         hub.Conflate,
			MaxChannels:  limits.Rooms,
			MaxMembers:   limits.Seats,
			MaySubscribe: hub.Anyone,
		}, {
			Name: "done",
			Slow: hub.DropOldest, // which is what an owner does with too many inputs
			MaySubscribe: func(_ context.Context, r hub.Request) error {
				if r.Principal != ownerPrincipal {
					return errNotOwner
				}
				return nil
			},
		}},
		MaxMessage: codec.MaxFrame,
		Logger:     log,
	})
	if err != nil {
		return nil, err
	}
	return &house{hub: h, sessions: sessions{
		limits: limits,
		byName: map[string]*session{},
		open:   func(name string) *owner { return newOwner(h, name, newSeed()) },
	}}, nil
}

func newSeed() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])
}

// close refuses newcomers, ends what is left, and forgets the worlds.
func (h *house) close() {
	h.hub.Close()
	h.sessions.close()
}
