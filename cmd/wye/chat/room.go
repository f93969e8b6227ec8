package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// Limits bound what one person can do in a room and what it remembers.
type Limits struct {
	History    int           // messages kept for newcomers
	TextBytes  int           // bytes of a message's text
	Rate       pace.Rate     // messages of one person a second
	JoinWithin time.Duration // how long a connection may take to say its name
}

// queueBytes is how far behind a connection may be.
const queueBytes = 1 << 20

// remembered is how long a message is kept at the most.
const remembered = 24 * time.Hour

// A house has the rooms. Each is two channels of a hub: a connection has a seat in
// one, and who has said a name is a member of the other. Servers that share the
// hub's engine have the same rooms.
type house struct {
	hub    *hub.Hub
	limits Limits
	doors  [64]sync.Mutex // one is held while somebody joins a room of its share here
	seed   maphash.Seed
}

// Namespaces are what the hub of a Handler has to have. What is kept of a room that
// nobody is in any more is the engine's to bound.
func Namespaces(set rooms.Limits, limits Limits) []hub.Namespace {
	return []hub.Namespace{{
		Name:         "chat-seat",
		MaxChannels:  set.Rooms,
		MaxMembers:   set.Seats,
		MaySubscribe: hub.Anyone,
	}, {
		Name:         "chat",
		History:      hub.History{Size: max(limits.History, 1), TTL: remembered},
		Presence:     hub.Presence{TTL: time.Minute, Announce: true},
		MaySubscribe: hub.Anyone,
		MayPublish:   hub.Anyone,
	}}
}

func newHouse(h *hub.Hub, limits Limits) *house {
	return &house{hub: h, limits: limits, seed: maphash.MakeSeed()}
}

func seatIn(room string) string { return "chat-seat:" + room }
func talkIn(room string) string { return "chat:" + room }

// encoding is how a hub's messages are told. What has no place in a history is an
// event already: a welcome, or a refusal.
var encoding = hubws.NewEncoding(func(m *hub.Message) (websocket.MessageType, []byte) {
	switch {
	case m.Kind == hub.Joined:
		return websocket.MessageText, encode(presence{"joined", told(m.Time), memberOf(m.From)})
	case m.Kind == hub.Left:
		return websocket.MessageText, encode(presence{"left", told(m.Time), memberOf(m.From)})
	case m.Offset == 0:
		return websocket.MessageText, m.Data
	}
	return websocket.MessageText, encode(said{"message", messageOf(m)})
})

// remark is what is stored of a message: the rest is where and when it is.
type remark struct {
	From Member `json:"from"`
	Text string `json:"text"`
}

func messageOf(m *hub.Message) Message {
	var r remark
	if err := json.Unmarshal(m.Data, &r); err != nil {
		r.Text = "" // it is ours, and no other
	}
	return Message{fmt.Sprintf("%s-%d", m.Epoch, m.Offset), told(m.Time), r.From, r.Text}
}

// memberOf is a member as others see them. Their name is what the hub knows of
// them beside the ID.
func memberOf(m *hub.Member) Member { return Member{m.ID, string(m.Info)} }

// told is a time as messages tell it: UTC, in milliseconds.
func told(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// join makes a client a member of a room, greets them and tells the others. A name
// that is taken gets a number: refusing it would lock out who reconnects before
// the server has noticed that the old connection is dead.
func (h *house) join(ctx context.Context, c *hub.Client, room, name string) (Member, error) {
	door := &h.doors[maphash.String(h.seed, room)%uint64(len(h.doors))]
	door.Lock() // so that no two take one name; joining waits for nobody's connection
	defer door.Unlock()
	present, err := h.hub.Members(ctx, talkIn(room))
	if err != nil {
		return Member{}, err
	}
	name = freeName(name, present)
	w, err := c.Join(ctx, talkIn(room), &hub.JoinOptions{
		Info: []byte(name),
		Last: h.limits.History,
		Greet: func(w *hub.Welcome) []*hub.Message {
			return []*hub.Message{{Data: encode(greeting(room, w))}}
		},
	})
	if err != nil {
		return Member{}, err
	}
	return memberOf(&w.You), nil
}

func greeting(room string, w *hub.Welcome) welcome {
	e := welcome{"welcome", room, memberOf(&w.You), make([]Member, len(w.Members)), make([]Message, len(w.Messages))}
	for i := range w.Members {
		e.Members[i] = memberOf(&w.Members[i])
	}
	for i, m := range w.Messages {
		e.History[i] = messageOf(m)
	}
	return e
}

// say tells everyone, the speaker included, what from says.
func (h *house) say(ctx context.Context, c *hub.Client, room string, from Member, text string) error {
	_, err := c.Publish(ctx, talkIn(room), encode(remark{from, text}), nil)
	return err
}

// freeName is name, or name with the first number that nobody present has.
func freeName(name string, present []hub.Member) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(present, func(m hub.Member) bool { return strings.EqualFold(string(m.Info), name) })
	}
	free := name
	for n := 2; taken(free); n++ {
		number := fmt.Sprintf(" (%d)", n)
		free = cut(name, rooms.MaxName-len(number)) + number
	}
	return free
}

// cut is as much of s as n bytes hold, whole characters only.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimSpace(s[:n])
}
