// Package relay passes WebSocket messages on, as they came, to everyone else in
// the same room.
package relay

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/websocket"
)

// A Handler serves one room per path value "room". It speaks whichever
// subprotocol a client offers first: the messages are not its business.
type Handler struct {
	rooms  *rooms.Set[*room]
	rate   pace.Rate
	accept websocket.AcceptOptions
}

// NewHandler returns a handler of rooms within the given bounds. Who sends more
// messages a second than rate is not read from until their turn comes, so that
// their own TCP connection slows them down.
func NewHandler(set rooms.Limits, rate pace.Rate, accept websocket.AcceptOptions) *Handler {
	accept.SelectSubprotocol = firstOffered
	open := func(string) *room { return &room{members: map[*member]struct{}{}} }
	return &Handler{rooms.NewSet(set, open, nil), rate, accept}
}

// ServeHTTP takes a place in the room before the switch, so that who finds it
// full is told so in plain HTTP.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, err := rooms.CleanName("room", r.PathValue("room"))
	if err != nil {
		wye.Answer(w, err)
		return
	}
	here, leave, err := h.rooms.Enter(name)
	if err != nil {
		wye.Answer(w, err)
		return
	}
	defer leave()
	websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return here.relay(ctx, c, h.rate)
	}, &h.accept).ServeHTTP(w, r)
}

// Close refuses newcomers.
func (h *Handler) Close() { h.rooms.Close() }

// firstOffered agrees to the client's favourite subprotocol.
func firstOffered(_ *http.Request, offered []string) (string, error) {
	if len(offered) == 0 {
		return "", nil
	}
	return offered[0], nil
}

type room struct {
	mu      sync.Mutex
	members map[*member]struct{}
}

type member struct {
	conn *websocket.Conn
	drop context.CancelCauseFunc // ends the member's own relay; does not wait
}

var errBehind = errors.New("relay: the member did not read fast enough")

// relay passes on what c sends until it ends.
func (r *room) relay(ctx context.Context, c *websocket.Conn, rate pace.Rate) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m := &member{c, cancel}
	r.enter(m)
	defer r.leave(m)

	var meter pace.Meter
	var buf []byte
	for {
		typ, p, err := c.ReadInto(ctx, buf[:0])
		if err == nil {
			err = meter.Wait(ctx, rate)
		}
		if err != nil {
			r.leave(m) // closing may take a while
			return m.end(ctx, err)
		}
		r.pass(m, websocket.Prepare(typ, p))
		buf = p
	}
}

func (r *room) enter(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[m] = struct{}{}
}

func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, m)
}

// pass sends p to everyone but from. Sending waits for nobody, and the lock
// gives everyone the same order. Who has no room left in their queue is dropped:
// they must not hold up the others, nor miss a message without being told.
func (r *room) pass(from *member, p *websocket.Prepared) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		if m == from {
			continue
		}
		// Another error is the end of that connection, which its own relay
		// sees.
		if err := m.conn.TryWritePrepared(p); errors.Is(err, websocket.ErrQueueFull) {
			m.drop(errBehind)
		}
	}
}

func (m *member) end(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errBehind) {
		// Close is bounded by the connection's own close timeout; how it ends
		// is of no more interest.
		m.conn.Close(context.WithoutCancel(ctx), websocket.StatusTryAgainLater, "too far behind: messages were missed")
		return nil
	}
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return nil
	}
	return err
}
