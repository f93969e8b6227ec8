package chat

import (
	"testing"
	"testing/synctest"
	"time"
)

// A room is one room on all servers: who is there, what is said, and in what order.
func TestTwoServersHaveOneRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := testEngine()
		var lobbies []room
		for range 2 {
			lobbies = append(lobbies, room{newHouse(testHub(t, engine, testLimits), testLimits), "lobby"})
		}
		ada := visit(t, lobbies[0], nil)
		ada.joins("Ada")
		time.Sleep(time.Millisecond) // the two have clocks of their own
		bob := visit(t, lobbies[1], nil)
		if w := bob.joins("Bob"); len(w.Members) != 2 || w.Members[0].Name != "Ada" {
			t.Errorf("Bob is greeted with %+v", w)
		}
		ada.hearsPresence("joined", "Bob")
		ada.says(`{"type":"say","text":"here"}`)
		first := bob.hearsMessage("Ada", "here")
		bob.says(`{"type":"say","text":"there"}`)
		bob.hearsMessage("Bob", "there")
		if again := ada.hearsMessage("Ada", "here"); again != first {
			t.Errorf("one message is two: %+v, %+v", first, again)
		}
		ada.hearsMessage("Bob", "there")

		// A name that is taken is taken on all of them.
		time.Sleep(time.Millisecond)
		other := visit(t, lobbies[0], nil)
		w := other.joins("Bob")
		if w.You.Name != "Bob (2)" || len(w.History) != 2 || w.History[0] != first {
			t.Errorf("another Bob is greeted with %+v", w)
		}
		ada.hearsPresence("joined", "Bob (2)")
		bob.leaves()
		ada.hearsPresence("left", "Bob")
		other.leaves()
		ada.leaves()
	})
}
