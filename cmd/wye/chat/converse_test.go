package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

var testLimits = Limits{History: 5, TextBytes: 100, Rate: 10, JoinWithin: 10 * time.Second}

// guest is a connection to a room, and how its conversation ended.
type guest struct {
	t    *testing.T
	conn *websocket.Conn
	done <-chan error
	you  Member
}

var testRooms = rooms.Limits{Rooms: 5, Seats: 20, Linger: time.Minute}

// A room is one of a house.
type room struct {
	*house
	name string
}

// newRoom is a room in a house of its own. It has to be called in a bubble.
func newRoom(t *testing.T, limits Limits) room { return room{newTestHouse(t, limits), "lobby"} }

func newTestHouse(t *testing.T, limits Limits) *house {
	t.Helper()
	return newHouse(testHub(t, testEngine(), limits), limits)
}

// testEngine keeps what was said as wye serve does.
func testEngine() hub.Engine {
	return hub.NewMemory(&hub.MemoryOptions{MaxChannels: 3 * testRooms.Rooms, Linger: testRooms.Linger})
}

func testHub(t *testing.T, engine hub.Engine, limits Limits) *hub.Hub {
	t.Helper()
	h, err := hub.New(hub.Options{Engine: engine, Namespaces: Namespaces(testRooms, limits), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// visit connects to the room without joining. It has to be called in a bubble.
func visit(t *testing.T, room room, opts *websocket.Options) *guest {
	t.Helper()
	client, server := websocket.Pipe(opts, opts)
	done := make(chan error, 1)
	go func() { // ends with the connection
		err := room.converse(t.Context(), server, room.name)
		server.Close(context.WithoutCancel(t.Context()), websocket.StatusNormalClosure, "")
		done <- err
	}()
	t.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
	})
	return &guest{t: t, conn: client, done: done}
}

// joins says a name, and is greeted.
func (g *guest) joins(name string) welcome {
	g.t.Helper()
	g.says(fmt.Sprintf(`{"type":"join","name":%q}`, name))
	var w welcome
	g.hears("welcome", &w)
	g.you = w.You
	return w
}

// says sends one message as it is.
func (g *guest) says(text string) {
	g.t.Helper()
	if err := g.conn.Write(g.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		g.t.Fatalf("%s: saying %s: %v", g.you.Name, text, err)
	}
}

// hears receives the next message, which has to be of that type.
func (g *guest) hears(typ string, event any) {
	g.t.Helper()
	_, p, err := g.conn.Read(g.t.Context())
	if err != nil {
		g.t.Fatalf("%s: want %s, got %v", g.you.Name, typ, err)
	}
	var head struct{ Type string }
	if err := json.Unmarshal(p, &head); err != nil || head.Type != typ {
		g.t.Fatalf("%s: want %s, got %s", g.you.Name, typ, p)
	}
	if err := json.Unmarshal(p, event); err != nil {
		g.t.Fatalf("%s: %s: %v", g.you.Name, p, err)
	}
}

func (g *guest) hearsMessage(from, text string) Message {
	g.t.Helper()
	var m said
	g.hears("message", &m)
	if m.From.Name != from || m.Text != text || m.ID == "" {
		g.t.Errorf("%s: want %q from %s, got %+v", g.you.Name, text, from, m)
	}
	return m.Message
}

func (g *guest) hearsPresence(typ, name string) {
	g.t.Helper()
	var p presence
	g.hears(typ, &p)
	if p.Member.Name != name {
		g.t.Errorf("%s: %s %s, want %s", g.you.Name, p.Member.Name, typ, name)
	}
}

func (g *guest) isRefused(code Code, about string) {
	g.t.Helper()
	var r refused
	g.hears("error", &r)
	if r.Code != code || r.About != about || r.Text == "" {
		g.t.Errorf("%s: want a refusal %s about %q, got %+v", g.you.Name, code, about, r)
	}
}

// isClosed hears nothing more but that the room closes the connection.
func (g *guest) isClosed(code websocket.StatusCode, reason string) {
	g.t.Helper()
	_, p, err := g.conn.Read(g.t.Context())
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || !closed.Remote || !strings.Contains(closed.Reason, reason) {
		g.t.Fatalf("%s: want an end with %d and %q, got %q, %v", g.you.Name, code, reason, p, err)
	}
	var ending *Ending
	if err := <-g.done; !errors.As(err, &ending) || ending.Code != code {
		g.t.Errorf("%s: the conversation ended with %v", g.you.Name, err)
	}
}

func (g *guest) leaves() {
	g.t.Helper()
	g.conn.Close(g.t.Context(), websocket.StatusNormalClosure, "")
	if err := <-g.done; err != nil {
		g.t.Errorf("%s: leaving was taken for an error: %v", g.you.Name, err)
	}
}

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := newRoom(t, testLimits)

		ada := visit(t, room, nil)
		w := ada.joins(" Ada ")
		if w.Room != "lobby" || w.You.Name != "Ada" || len(w.Members) != 1 || w.Members[0] != w.You || w.History == nil || len(w.History) != 0 {
			t.Errorf("Ada is greeted with %+v", w)
		}
		ada.says(`{"type":"say","text":"is anybody here?"}`)
		first := ada.hearsMessage("Ada", "is anybody here?")
		if age := time.Since(first.Time); age < 0 || age > time.Second || first.From != ada.you {
			t.Errorf("the message is %+v", first)
		}

		bob := visit(t, room, nil)
		w = bob.joins("Bob")
		if len(w.Members) != 2 || w.Members[0] != ada.you || w.Members[1] != bob.you || len(w.History) != 1 || w.History[0] != first {
			t.Errorf("Bob is greeted with %+v", w)
		}
		ada.hearsPresence("joined", "Bob")
		bob.says(`{"type":"say","text":"I am"}`)
		ada.hearsMessage("Bob", "I am")
		if second := bob.hearsMessage("Bob", "I am"); second.ID == first.ID {
			t.Error("two messages have one id")
		}

		bob.leaves()
		ada.hearsPresence("left", "Bob")
		ada.leaves()
		time.Sleep(59 * time.Second)
		cleo := visit(t, room, nil)
		if w := cleo.joins("Cleo"); len(w.History) != 2 || w.History[0] != first || len(w.Members) != 1 {
			t.Errorf("a minute later Cleo is greeted with %+v", w)
		}
		cleo.leaves()
		time.Sleep(61 * time.Second)
		if w := visit(t, room, nil).joins("Dan"); len(w.History) != 0 {
			t.Errorf("more than a minute after the last one left the room remembers %+v", w.History)
		}
	})
}

// present are those whom the hub lists.
func (r room) present(t *testing.T) []hub.Member {
	t.Helper()
	members, err := r.hub.Members(t.Context(), talkIn(r.name))
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func TestHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := newRoom(t, testLimits)
		ada := visit(t, room, nil)
		ada.joins("Ada")
		for i := range 8 {
			ada.says(fmt.Sprintf(`{"type":"say","text":"%d"}`, i))
			ada.hearsMessage("Ada", fmt.Sprint(i))
		}
		w := visit(t, room, nil).joins("Bob")
		if len(w.History) != 5 || w.History[0].Text != "3" || w.History[4].Text != "7" {
			t.Errorf("a newcomer is told %+v, want the last 5", w.History)
		}
	})
}

// The ids of another life of a room are others, so that a client which comes
// back after the server was replaced takes nothing for known.
func TestIDsDifferBetweenLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		for range 3 {
			ada := visit(t, newRoom(t, testLimits), nil)
			ada.joins("Ada")
			ada.says(`{"type":"say","text":"x"}`)
			if id := ada.hearsMessage("Ada", "x").ID; seen[id] {
				t.Errorf("the id %s came twice", id)
			} else {
				seen[id] = true
			}
			ada.leaves()
		}
	})
}

func TestTakenNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := newRoom(t, testLimits)
		long := strings.Repeat("é", 32)
		for _, tt := range []struct{ asked, got string }{
			{"Ada", "Ada"},
			{"Ada", "Ada (2)"},
			{"aDA", "aDA (3)"},
			{"Ada (2)", "Ada (2) (2)"},
			{long, long},
			{long, strings.Repeat("é", 30) + " (2)"}, // still 64 bytes at most
		} {
			if w := visit(t, room, nil).joins(tt.asked); w.You.Name != tt.got {
				t.Errorf("who asked for %q became %q, want %q", tt.asked, w.You.Name, tt.got)
			}
		}
	})
}

func TestRefusalsDoNotEndTheConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := visit(t, newRoom(t, testLimits), nil)
		g.says(`{"type":"say","text":"x"}`)
		g.isRefused(NotJoined, say)
		g.says(`{"type":"join","name":"\u202e"}`)
		g.isRefused(NameInvalid, join)
		g.says(`hello`)
		g.isRefused(BadRequest, "")
		g.joins("Ada")
		g.says(`{"type":"join","name":"Eve"}`)
		g.isRefused(AlreadyJoined, join)
		g.says(`{"type":"say","text":"` + strings.Repeat("x", 101) + `"}`)
		g.isRefused(TooLong, say)
		g.says(`{"type":"say","text":"still here"}`)
		g.hearsMessage("Ada", "still here")
	})
}

func TestTooFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := visit(t, newRoom(t, testLimits), nil)
		g.joins("Ada")
		for i := range 10 {
			g.says(fmt.Sprintf(`{"type":"say","text":"%d"}`, i))
			g.hearsMessage("Ada", fmt.Sprint(i))
		}
		g.says(`{"type":"say","text":"one too many"}`)
		g.isRefused(TooFast, say)
		time.Sleep(100 * time.Millisecond)
		g.says(`{"type":"say","text":"and on"}`)
		g.hearsMessage("Ada", "and on")
	})
}

func TestAbuseEndsTheConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := newRoom(t, testLimits)
		ada, eve := visit(t, room, nil), visit(t, room, nil)
		ada.joins("Ada")
		eve.joins("Eve")
		ada.hearsPresence("joined", "Eve")
		for range 20 {
			eve.says(`{}`)
			eve.isRefused(BadRequest, "")
		}
		eve.says(`{}`)
		eve.isClosed(websocket.StatusPolicyViolation, "too many refused requests")
		ada.hearsPresence("left", "Eve")
	})
}

func TestWhoDoesNotJoinIsSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := newRoom(t, testLimits)
		start := time.Now()
		idle, ada := visit(t, room, nil), visit(t, room, nil)
		ada.joins("Ada")
		idle.isClosed(websocket.StatusPolicyViolation, "no join within 10s")
		if took := time.Since(start); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("sent away after %v, want 10s", took)
		}
		time.Sleep(time.Minute)
		ada.says(`{"type":"say","text":"who joined may stay"}`)
		ada.hearsMessage("Ada", "who joined may stay")
	})
}

// Who does not read holds up nobody. They are sent away when their queue is
// full, and told to come back.
func TestASlowMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := testLimits
		limits.Rate, limits.TextBytes = 0, 8<<10
		room := newRoom(t, limits)
		ada, slow := visit(t, room, nil), visit(t, room, &websocket.Options{WriteQueueBytes: 32 << 10})
		ada.joins("Ada")
		slow.joins("Slow")
		ada.hearsPresence("joined", "Slow")

		text := strings.Repeat("x", 8<<10)
		start := time.Now()
		left := false
		for i := 0; !left && i < 200; i++ {
			ada.says(`{"type":"say","text":"` + text + `"}`)
			ada.hearsMessage("Ada", text)
			synctest.Wait()
			left = len(room.present(t)) == 1
		}
		if !left {
			t.Fatal("1.6 MiB that nobody read, and the member is still there")
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the others waited %v", took)
		}
		ada.hearsPresence("left", "Slow")
		for { // what was queued comes first
			_, _, err := slow.conn.Read(t.Context())
			if err != nil {
				if code := websocket.CloseStatus(err); code != websocket.StatusTryAgainLater {
					t.Errorf("the slow member is told %v, want 1013", err)
				}
				break
			}
		}
		if err := <-slow.done; err == nil {
			t.Error("the conversation with the slow member ended as if nothing was wrong")
		}
	})
}
