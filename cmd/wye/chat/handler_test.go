package chat

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

// asks is how a handler answers who wants into a room.
func asks(h http.Handler, room, origin string) (status int, header http.Header) {
	r := httptest.NewRequest("GET", "/api/chat/room/x", nil)
	for name, value := range map[string]string{
		"Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin,
	} {
		r.Header.Set(name, value)
	}
	r.SetPathValue("room", room)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header()
}

// A seat is asked for when the gate has judged, and whoever finds none is told so
// in plain HTTP; or after the switch, if the last one was taken in between.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHandler(testHub(t, testEngine(), testLimits), testLimits, websocket.AcceptOptions{Gate: &gate.Gate{}})
		lobby := room{h.house, "lobby"}
		for range testRooms.Seats {
			visit(t, lobby, nil) // a seat is taken before a name is said
		}
		synctest.Wait()
		if status, header := asks(h, "lobby", "http://example.com"); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("a full room answers %d %v, want 503 and when to come back", status, header)
		}
		if status, _ := asks(h, "lobby", "http://elsewhere.com"); status != http.StatusForbidden {
			t.Errorf("a page of another host learns %d of a full room, want 403", status)
		}
		if status, _ := asks(h, "another", "http://example.com"); status == http.StatusServiceUnavailable {
			t.Error("another room is full, too")
		}
		if status, _ := asks(h, "\x01", "http://example.com"); status != http.StatusBadRequest {
			t.Errorf("a name that cannot be shown answers %d, want 400", status)
		}
		visit(t, lobby, nil).isClosed(websocket.StatusTryAgainLater, "full")
		for _, name := range []string{"b", "c", "d", "e"} {
			visit(t, room{h.house, name}, nil)
		}
		synctest.Wait()
		if status, _ := asks(h, "another", "http://example.com"); status != http.StatusServiceUnavailable {
			t.Errorf("with as many rooms as may be another one answers %d, want 503", status)
		}
	})
}

// Rooms in which nobody is left must not lock newcomers out.
func TestTheLongestEmptyRoomGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHouse(t, testLimits)
		const lingering = 15 // 3 × 5 channels
		for i := range lingering + 1 {
			g := visit(t, room{h, string(rune('a' + i))}, nil)
			g.joins("Ada")
			g.says(`{"type":"say","text":"x"}`)
			g.hearsMessage("Ada", "x")
			g.leaves()
		}
		if w := visit(t, room{h, "a"}, nil).joins("Ada"); len(w.History) != 0 {
			t.Errorf("the first of %d rooms is still there", lingering+1)
		}
		if w := visit(t, room{h, "p"}, nil).joins("Ada"); len(w.History) != 1 {
			t.Error("the last room gave way")
		}
	})
}

// The end of the server is no failure of the conversation.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newRoom(t, testLimits)
		ada := visit(t, lobby, nil)
		ada.joins("Ada")
		lobby.hub.Close()
		if _, _, err := ada.conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("Ada is told %v, want 1001", err)
		}
		if err := <-ada.done; err != nil {
			t.Errorf("the conversation ended with %v", err)
		}
	})
}
