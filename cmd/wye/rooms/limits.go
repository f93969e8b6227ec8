// Package rooms has what the endpoints with rooms share: what a name may be, and
// how many rooms and seats there are.
package rooms

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wye-org/wye/hub"
)

// Limits bound what strangers can make a server hold.
type Limits struct {
	Rooms int // rooms with somebody in them at a time; and as many that linger
	Seats int // connections in one room at a time
	// Linger is how long what was said in a room is kept when nobody is in it
	// any more.
	Linger time.Duration
}

// FullError says which bound was met. It answers a request with 503.
type FullError struct {
	Room  string // the room without a free seat; empty when there is no room for another room
	Limit int
}

func (e *FullError) Error() string {
	if e.Room == "" {
		return fmt.Sprintf("the server has its %d rooms already: try one that exists, or try later", e.Limit)
	}
	return fmt.Sprintf("room %q is full with %d people: try another room, or try later", e.Room, e.Limit)
}

// Answer is what a request for a seat is answered with.
func (e *FullError) Answer() (status int, h http.Header, text string) {
	return http.StatusServiceUnavailable, http.Header{"Retry-After": {"10"}}, e.Error()
}

// Full is what err, of a hub that was asked for a seat in a room, says to who
// wants one: a *FullError, if it is for want of room.
func Full(room string, err error) error {
	var full *hub.FullError
	switch {
	case !errors.As(err, &full):
		return err
	case full.What == hub.Members:
		return &FullError{room, full.Limit}
	}
	return &FullError{"", full.Limit}
}
