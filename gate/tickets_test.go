package gate

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// askForTicket is POST /ticket with the query.
func askForTicket(g *Gate, query string, parts ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://example.com/ticket"+query, nil)
	r.RemoteAddr = "203.0.113.9:4321"
	w := httptest.NewRecorder()
	g.TicketHandler().ServeHTTP(w, with(r, parts...))
	return w
}

// ticketFor asks as ada, who has to get one.
func ticketFor(t *testing.T, g *Gate, path string) string {
	t.Helper()
	w := askForTicket(g, "?path="+path, "Authorization: Bearer ada")
	var answer struct {
		Ticket    string
		ExpiresIn int `json:"expires_in"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("POST /ticket: %d %s", w.Code, w.Body)
	}
	if random, err := base64.RawURLEncoding.DecodeString(answer.Ticket); err != nil || len(random) != 32 || answer.ExpiresIn != 30 {
		t.Fatalf("the ticket is %+v", answer)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a cache may keep the ticket: %v", w.Header())
	}
	return answer.Ticket
}

func TestTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Verifier: VerifierFunc(knows("ada"))}
		first, second := ticketFor(t, g, "/ws"), ticketFor(t, g, "/ws")
		if first == second {
			t.Fatal("two tickets are the same")
		}
		if pass := wantPass(t, g, with(request("example.com"), "?ticket="+first)); pass.Principal != "ada" {
			t.Errorf("the connection is %q's", pass.Principal)
		}
		wantStatus(t, g, with(request("example.com"), "?ticket="+first), 401, ErrCredentials) // once

		time.Sleep(30*time.Second - 1)
		third := ticketFor(t, g, "/ws")
		wantPass(t, g, with(request("example.com"), "?ticket="+second))
		time.Sleep(30 * time.Second)
		wantStatus(t, g, with(request("example.com"), "?ticket="+third), 401, ErrCredentials) // in time

		// A ticket is used up by another path too.
		fourth := ticketFor(t, g, "/other")
		wantStatus(t, g, with(request("example.com"), "?ticket="+fourth), 401, ErrCredentials)
		r := with(request("example.com"), "?ticket="+fourth)
		r.URL.Path = "/other"
		wantStatus(t, g, r, 401, ErrCredentials)
		// It is good nowhere else, and a token is no ticket.
		wantStatus(t, g, bearing(request("example.com"), ticketFor(t, g, "/ws")), 401, ErrCredentials)
		if g.tickets.all.len() != 1 || len(g.tickets.each) != 1 {
			t.Errorf("%d tickets of %d principals are kept, want the last one", g.tickets.all.len(), len(g.tickets.each))
		}
	})
}

func TestATicketEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(10 * time.Second)
		g := &Gate{Verifier: expiring(until)}
		ticket, late := ticketFor(t, g, "/ws"), ticketFor(t, g, "/ws")
		if pass := wantPass(t, g, with(request("example.com"), "?ticket="+ticket)); !pass.Expires.Equal(until) {
			t.Errorf("the connection expires at %v", pass.Expires)
		}
		time.Sleep(10 * time.Second)
		wantStatus(t, g, with(request("example.com"), "?ticket="+late), 401, ErrCredentials)
	})
}

func TestNoTicket(t *testing.T) {
	g := &Gate{Verifier: VerifierFunc(knows("ada")), Hosts: []string{"example.com"}}
	for _, tt := range []struct {
		why, query string
		parts      []string
		status     int
	}{
		{"nobody asks", "?path=/ws", nil, 401},
		{"somebody else asks", "?path=/ws", []string{"Authorization: Bearer eve"}, 401},
		{"another page asks", "?path=/ws", []string{"Authorization: Bearer ada", "Origin: https://evil.example"}, 403},
		{"for nothing", "", []string{"Authorization: Bearer ada"}, 400},
		{"for two paths", "?path=/a&path=/b", []string{"Authorization: Bearer ada"}, 400},
		{"for no path", "?path=ws", []string{"Authorization: Bearer ada"}, 400},
	} {
		t.Run(tt.why, func(t *testing.T) {
			w := askForTicket(g, tt.query, tt.parts...)
			if w.Code != tt.status || strings.Contains(w.Body.String(), "ticket\":") {
				t.Errorf("want %d, got %d %s", tt.status, w.Code, w.Body)
			}
		})
	}
	// A chain of tickets would last longer than any of them.
	if w := askForTicket(g, "?path=/ws&ticket="+ticketFor(t, g, "/ticket")); w.Code != 403 {
		t.Errorf("a ticket for a ticket: %d %s", w.Code, w.Body)
	}
	if w := askForTicket(&Gate{}, "?path=/ws"); w.Code != 404 {
		t.Errorf("a ticket where nobody is asked: %d %s", w.Code, w.Body)
	}
	if w := askForTicket(nil, "?path=/ws"); w.Code != 404 {
		t.Errorf("a ticket of no gate: %d %s", w.Code, w.Body)
	}
	w := httptest.NewRecorder()
	g.TicketHandler().ServeHTTP(w, httptest.NewRequest("GET", "/ticket?path=/ws", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", w.Code, w.Header())
	}
}

// Nobody can ask for so many that there is none left for others, and who has
// too many is told when the next can be had.
func TestTicketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Verifier: VerifierFunc(knows("ada", "bob"))}
		for range maxTicketsEach {
			ticketFor(t, g, "/ws")
		}
		time.Sleep(12 * time.Second)
		w := askForTicket(g, "?path=/ws", "Authorization: Bearer ada")
		if w.Code != 429 || w.Header().Get("Retry-After") != "18" {
			t.Errorf("got %d %v", w.Code, w.Header())
		}
		if w := askForTicket(g, "?path=/ws", "Authorization: Bearer bob"); w.Code != 200 {
			t.Errorf("bob got %d %s", w.Code, w.Body)
		}
		time.Sleep(18 * time.Second)
		ticketFor(t, g, "/ws")
	})
}

func TestTicketsOfEverybodyAreBounded(t *testing.T) {
	var all tickets
	now := time.Unix(0, 0)
	for i := range maxTickets {
		all.issue(Identity{Principal: strconv.Itoa(i)}, "/", now)
	}
	if secret, wait, full := all.issue(Identity{Principal: "late"}, "/", now.Add(10*time.Second)); secret != "" || wait != 20*time.Second || !full {
		t.Errorf("got %q, %v, %v", secret, wait, full)
	}
	if secret, _, _ := all.issue(Identity{Principal: "late"}, "/", now.Add(30*time.Second)); secret == "" || all.all.len() != 1 || len(all.each) != 1 {
		t.Errorf("got %q of %d tickets of %d principals", secret, all.all.len(), len(all.each))
	}
}
