package websocket

import "testing"

// A place that was left names nothing, and its events name nothing of who has it
// next.
func TestSlots(t *testing.T) {
	var s slots[int]
	a, b, c := new(int), new(int), new(int)
	first, old := s.enter(a)
	second, gen := s.enter(b)
	if first == second || s.taken() != 2 || s.named(int(first), old) != a || s.named(int(second), gen) != b {
		t.Fatalf("%d and %d of %d", first, second, s.taken())
	}
	s.leave(first)
	if s.taken() != 1 || s.named(int(first), old) != nil || s.named(int(first), s.generation(first)) != nil {
		t.Error("who has left is named")
	}
	again, now := s.enter(c)
	if again != first || now != s.generation(again) || s.taken() != 2 {
		t.Errorf("the next one is given %d, not %d, which is free", again, first)
	}
	if s.named(int(again), old) != nil || s.named(int(again), now) != c || s.named(int(second), gen) != b {
		t.Error("an event of who has left is one of the next there")
	}
	if s.named(2, 0) != nil {
		t.Error("a place that never was is named")
	}
}
