package rooms_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/rooms"
)

// room tells two lives of one name apart.
type room struct{ name string }

func newSet(l rooms.Limits, keep func(*room) bool) *rooms.Set[*room] {
	return rooms.NewSet(l, func(name string) *room { return &room{name} }, keep)
}

func always(*room) bool { return true }

func enter(t *testing.T, s *rooms.Set[*room], name string) (*room, func()) {
	t.Helper()
	r, leave, err := s.Enter(name)
	if err != nil {
		t.Fatalf("Enter(%q): %v", name, err)
	}
	return r, leave
}

func TestThoseWhoEnterMeet(t *testing.T) {
	s := newSet(rooms.Limits{Rooms: 2, Seats: 2}, nil)
	a, _ := enter(t, s, "a")
	again, _ := enter(t, s, "a")
	b, _ := enter(t, s, "b")
	if a != again || a == b || a.name != "a" {
		t.Errorf("rooms a, a, b are %p, %p, %p", a, again, b)
	}
}

func TestFull(t *testing.T) {
	s := newSet(rooms.Limits{Rooms: 1, Seats: 1}, nil)
	_, leave := enter(t, s, "a")

	for _, name := range []string{"a", "b"} {
		_, _, err := s.Enter(name)
		var full *rooms.FullError
		if !errors.As(err, &full) || full.Limit != 1 || (full.Room == "") != (name == "b") {
			t.Fatalf("Enter(%q) in a full set: %v", name, err)
		}
		if status, header, _ := full.Answer(); status != 503 || header.Get("Retry-After") == "" {
			t.Errorf("answered with %d %v, want 503 and when to come back", status, header)
		}
	}

	leave()
	if _, again := enter(t, s, "b"); s.Len() != 1 {
		t.Errorf("%d rooms, want the new one alone", s.Len())
	} else {
		again()
	}
}

func TestASeatIsGivenBackOnce(t *testing.T) {
	s := newSet(rooms.Limits{Rooms: 1, Seats: 2}, nil)
	enter(t, s, "a")
	_, leave := enter(t, s, "a")
	leave()
	leave()
	enter(t, s, "a")
	if _, _, err := s.Enter("a"); err == nil {
		t.Error("three are in a room of two seats")
	}
}

func TestAnEmptyRoomLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(rooms.Limits{Rooms: 5, Seats: 5, Linger: time.Minute}, always)
		first, leave := enter(t, s, "a")
		leave()

		time.Sleep(59 * time.Second)
		same, leave := enter(t, s, "a")
		if same != first {
			t.Error("the room was another one before it had lingered for a minute")
		}
		time.Sleep(2 * time.Minute)
		if s.Len() != 1 {
			t.Error("a room was dropped with someone in it")
		}
		leave()

		time.Sleep(61 * time.Second)
		if s.Len() != 0 {
			t.Error("an empty room is still there after a minute")
		}
	})
}

func TestARoomNotWorthKeepingIsDroppedAtOnce(t *testing.T) {
	s := newSet(rooms.Limits{Rooms: 1, Seats: 1, Linger: time.Minute}, func(*room) bool { return false })
	_, leave := enter(t, s, "a")
	if leave(); s.Len() != 0 {
		t.Error("the room lingers")
	}
}

// Rooms that linger must not lock newcomers out.
func TestTheLongestEmptyRoomGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(rooms.Limits{Rooms: 3, Seats: 1, Linger: time.Minute}, always)
		defer s.Close()
		_, leaveA := enter(t, s, "a")
		b, leaveB := enter(t, s, "b")
		enter(t, s, "c")
		leaveA()
		time.Sleep(time.Second)
		leaveB()

		enter(t, s, "new")
		if same, _ := enter(t, s, "b"); same != b {
			t.Error("b gave way although a was empty for longer")
		}
		var full *rooms.FullError
		if _, _, err := s.Enter("a"); !errors.As(err, &full) {
			t.Errorf("nobody can give way, yet Enter says %v", err)
		}
	})
}

func TestClosedSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(rooms.Limits{Rooms: 3, Seats: 1, Linger: time.Minute}, always)
		_, leave := enter(t, s, "a")
		_, empty := enter(t, s, "b")
		empty()
		s.Close()
		if s.Len() != 1 {
			t.Errorf("%d rooms, want the one with someone in it", s.Len())
		}
		if leave(); s.Len() != 0 {
			t.Error("a room lingers in a closed set")
		}
		if _, _, err := s.Enter("a"); err == nil {
			t.Error("a closed set took someone in")
		}
	})
}

func TestComingAndGoingAtOnce(t *testing.T) {
	s := newSet(rooms.Limits{Rooms: 3, Seats: 8, Linger: time.Microsecond}, always)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				r, leave, err := s.Enter(fmt.Sprint((i + j) % 3))
				if err != nil {
					t.Error(err)
					return
				}
				if r.name != fmt.Sprint((i+j)%3) {
					t.Errorf("entered %q, came into %q", fmt.Sprint((i+j)%3), r.name)
				}
				leave()
			}
		})
	}
	all.Wait()
	if s.Close(); s.Len() != 0 {
		t.Errorf("%d rooms are left", s.Len())
	}
}
