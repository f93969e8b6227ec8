package chat

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/websocket"
)

// Limits bound what one person can do in a room and what it remembers.
type Limits struct {
	History    int           // messages kept for newcomers
	TextBytes  int           // bytes of a message's text
	Rate       pace.Rate     // messages of one person a second
	JoinWithin time.Duration // how long a connection may take to say its name
}

// A Room is where the members see each other and what each of them says, all in
// the same order. Its methods may be called concurrently.
type Room struct {
	name   string
	limits Limits
	life   string // tells the messages of this life of the room from another's

	mu       sync.Mutex
	seats    []*seat // in order of arrival
	history  []Message
	arrivals int
	messages int
}

// A seat is a member and the way to reach them.
type seat struct {
	Member
	out    outlet
	behind func() // called when out has no room left; does not wait
}

// An outlet sends without waiting, or fails: a *websocket.Conn.
type outlet interface {
	TryWritePrepared(*websocket.Prepared) error
}

// NewRoom returns an empty room.
func NewRoom(name string, limits Limits) *Room {
	return &Room{name: name, limits: limits, life: rand.Text()[:10]}
}

// Remembers reports whether a newcomer would find anything said.
func (r *Room) Remembers() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.history) > 0
}

// join seats a member, greets them and tells the others. A name that is taken
// gets a number: refusing it would lock out who reconnects before the server
// has noticed that the old connection is dead.
func (r *Room) join(name string, out outlet, behind func()) *seat {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals++
	s := &seat{Member{fmt.Sprintf("m%d", r.arrivals), r.freeName(name)}, out, behind}
	r.tell(prepare(presence{"joined", now(), s.Member}))
	r.seats = append(r.seats, s)

	members := make([]Member, len(r.seats))
	for i, other := range r.seats {
		members[i] = other.Member
	}
	// Still under the lock: what is said next must come after the greeting.
	s.send(prepare(welcome{"welcome", r.name, s.Member, members, append([]Message{}, r.history...)}))
	return s
}

// say tells everyone, the speaker included, what s says.
func (r *Room) say(s *seat, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages++
	m := Message{fmt.Sprintf("%s-%d", r.life, r.messages), now(), s.Member, text}
	if len(r.history) >= r.limits.History && len(r.history) > 0 {
		r.history = slices.Delete(r.history, 0, 1)
	}
	if r.limits.History > 0 {
		r.history = append(r.history, m)
	}
	r.tell(prepare(said{"message", m}))
}

// leave takes s out of the room and tells the others.
func (r *Room) leave(s *seat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.seats, s)
	if i < 0 {
		return
	}
	r.seats = slices.Delete(r.seats, i, i+1)
	r.tell(prepare(presence{"left", now(), s.Member}))
}

// tell sends to everyone seated. Sending waits for nobody, so that one slow
// member holds up none of the others, and the lock gives all of them one order.
// The caller holds mu.
func (r *Room) tell(p *websocket.Prepared) {
	for _, s := range r.seats {
		s.send(p)
	}
}

func (s *seat) send(p *websocket.Prepared) {
	// Another error is the end of that connection, which its own conversation
	// sees.
	if err := s.out.TryWritePrepared(p); errors.Is(err, websocket.ErrQueueFull) {
		s.behind()
	}
}

// freeName is name, or name with the first number that nobody present has. The
// caller holds mu.
func (r *Room) freeName(name string) string {
	free := name
	for n := 2; r.present(free); n++ {
		number := fmt.Sprintf(" (%d)", n)
		free = cut(name, rooms.MaxName-len(number)) + number
	}
	return free
}

func (r *Room) present(name string) bool {
	return slices.ContainsFunc(r.seats, func(s *seat) bool { return strings.EqualFold(s.Name, name) })
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

// now is the time as messages tell it: UTC, in milliseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
