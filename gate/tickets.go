package gate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	ticketBytes = 32               // of randomness
	ticketLife  = 30 * time.Second // from its issue to its use
	maxTickets  = 65_536           // that wait for their use
	// maxTicketsEach bounds those of one principal, so that nobody can take
	// all there are.
	maxTicketsEach = 64
)

// ticketKey is what a ticket is kept under: a hash, so that neither a look into
// memory nor the time of a look-up tells the ticket.
type ticketKey [sha256.Size]byte

type ticket struct {
	Identity
	path    string
	expires time.Time
}

// tickets are those that were issued and not used. The zero value is ready.
type tickets struct {
	mu   sync.Mutex // guards what is below
	all  recent[ticketKey, ticket]
	each map[string]*recent[ticketKey, time.Time] // when those of one principal expire; none is empty
}

// issue returns a new ticket, or how long until one can be had. full says
// whether that is because of all principals together.
func (t *tickets) issue(id Identity, path string, now time.Time) (secret string, wait time.Duration, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	if t.all.len() >= maxTickets {
		_, oldest, _ := t.all.oldest()
		return "", oldest.expires.Sub(now), true
	}
	own := t.each[id.Principal]
	if own == nil {
		if t.each == nil {
			t.each = make(map[string]*recent[ticketKey, time.Time])
		}
		own = new(recent[ticketKey, time.Time])
		t.each[id.Principal] = own
	}
	if own.len() >= maxTicketsEach {
		_, expires, _ := own.oldest()
		return "", expires.Sub(now), false
	}
	var random [ticketBytes]byte
	rand.Read(random[:]) // does not fail
	secret = base64.RawURLEncoding.EncodeToString(random[:])
	key, expires := ticketKey(sha256.Sum256([]byte(secret))), now.Add(ticketLife)
	t.all.add(key, ticket{id, path, expires})
	own.add(key, expires)
	return secret, 0, false
}

// redeem uses a ticket up, also when it was issued for another path.
func (t *tickets) redeem(secret, path string, now time.Time) (Identity, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	found, ok := t.remove(sha256.Sum256([]byte(secret)))
	switch {
	case !ok:
		return Identity{}, gateError(ErrCredentials, "no such ticket: it was used, or %v have passed", ticketLife)
	case found.path != path:
		return Identity{}, gateError(ErrCredentials, "the ticket is for the path %s, not %s", quoted(found.path), quoted(path))
	}
	return found.Identity, nil
}

// expire drops the tickets whose time is over: the oldest ones, since all have
// the same.
func (t *tickets) expire(now time.Time) {
	for {
		key, oldest, found := t.all.oldest()
		if !found || now.Before(oldest.expires) {
			return
		}
		t.remove(key)
	}
}

func (t *tickets) remove(key ticketKey) (ticket, bool) {
	found, ok := t.all.take(key)
	if ok {
		own := t.each[found.Principal]
		if own.take(key); own.len() == 0 {
			delete(t.each, found.Principal)
		}
	}
	return found, ok
}

// TicketHandler returns a handler that gives who proves who they are a ticket
// for one connection. A page needs it that cannot set Authorization on its
// WebSocket, and should not put a token that lasts into a URL:
//
//	POST /ticket?path=/ws          {"ticket":"8wQ…","expires_in":30}
//	GET /ws?ticket=8wQ…            101
//
// A ticket is 32 random bytes, in base64url. It is good for 30 seconds, once,
// for the given path, and makes the connection the principal's who asked for
// it. Who holds a ticket alone gets no other for it.
//
// The request is judged as any other, by [Gate.Check]. The tickets are the
// Gate's: another Gate, or another process, does not know them.
func (g *Gate) TicketHandler() http.Handler { return http.HandlerFunc(g.serveTicket) }

func (g *Gate) serveTicket(w http.ResponseWriter, r *http.Request) {
	secret, refused := g.issueTicket(r)
	if refused != nil {
		refused.write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"` // seconds
	}{secret, int(ticketLife / time.Second)})
}

func (g *Gate) issueTicket(r *http.Request) (secret string, _ *Rejection) {
	if r.Method != http.MethodPost {
		return "", &Rejection{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {http.MethodPost}}, Text: "Ask for a ticket with POST"}
	}
	if g == nil || g.Verifier == nil {
		return "", &Rejection{Status: http.StatusNotFound, Text: "Nobody is asked for credentials here"}
	}
	pass, err := g.check(r)
	if err != nil {
		return "", err
	}
	defer pass.Release()
	if pass.byTicket {
		return "", &Rejection{Status: http.StatusForbidden, Text: "A ticket is good for one connection, not for another ticket"}
	}
	path := r.URL.Query()["path"]
	if len(path) != 1 || !strings.HasPrefix(path[0], "/") {
		return "", &Rejection{Status: http.StatusBadRequest, Text: "Say what the ticket is for: POST ?path=/ws"}
	}
	secret, wait, full := g.tickets.issue(Identity{pass.Principal, pass.Expires}, path[0], time.Now())
	switch {
	case full:
		return "", &Rejection{Status: http.StatusServiceUnavailable, Header: retryAfter(wait), Text: "Too many tickets are waiting to be used, try later"}
	case wait > 0:
		return "", &Rejection{Status: http.StatusTooManyRequests, Header: retryAfter(wait), Text: "Too many of your tickets are waiting to be used, use them or try later"}
	}
	return secret, nil
}
