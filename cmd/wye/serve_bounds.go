package main

import (
	"time"

	"github.com/wye-org/wye/cmd/wye/chat"
	"github.com/wye-org/wye/cmd/wye/echo"
	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/cmd/wye/rooms"
)

// bounds are what the demos give one person and all of them. Each has one,
// wherever the server listens.
type bounds struct {
	echoMessage int       // bytes
	roomMessage int       // bytes, of the raw rooms
	rate        pace.Rate // messages or lines a second of one connection
	rooms       rooms.Limits
	chat        chat.Limits
}

// On loopback the bounds keep mistakes small; in public they keep strangers
// apart.
func boundsFor(o serveOptions) bounds {
	b := bounds{
		echoMessage: echo.MaxMessage,
		roomMessage: 1 << 20,
		rate:        0, // as fast as the connection is
		rooms:       rooms.Limits{Rooms: 1000, Seats: 1000, Linger: time.Minute},
		chat:        chat.Limits{History: 50, TextBytes: 4 << 10, Rate: 10, JoinWithin: 10 * time.Second},
	}
	if o.public {
		b.echoMessage, b.roomMessage = 4<<10, 4<<10
		b.rate = 10
		b.rooms.Seats = 100
	}
	if o.maxMessage > 0 {
		b.echoMessage, b.roomMessage = o.maxMessage, o.maxMessage
	}
	return b
}
