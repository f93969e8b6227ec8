package game

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wye-org/wye/cmd/wye/game/arena"
	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

// window is how many ticks may be on their way to a viewer: of states that were
// sent, and that the client did not say it has. What came behind would come too
// late anyway.
const window = arena.Rate

// patience is how long a viewer with a full window is let alone. Who never says
// what they have gets a state that often.
const patience = time.Second

// An outlet is the way to a viewer. Nobody has a queue of states: the hub
// conflates them, and who could not take one gets, as soon as they can, the
// difference between what they have and what is now.
type outlet struct {
	hub.Outlet // for its Close
	conn       *websocket.Conn

	// has is what the client has or will have; nil before the first state. It
	// is for who sends, and the hub lets one send at a time.
	has  *arena.State
	sent time.Time // when has was

	mu   sync.Mutex    // guards what is below
	seen uint32        // the newest tick that the client says it has
	more chan struct{} // closed by the next saw; made by who waits
}

func newOutlet(c *websocket.Conn) *outlet {
	return &outlet{Outlet: hubws.Outlet(c, nil), conn: c}
}

// saw takes in what the client says it has.
func (o *outlet) saw(tick uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = tick
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
}

// full reports whether the window is, and if so returns what is closed when the
// client says more.
func (o *outlet) full() (more <-chan struct{}, full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.has == nil || int32(o.has.Tick-o.seen) < window || time.Since(o.sent) >= patience {
		return nil, false
	}
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.more, true
}

// TrySend implements [hub.Outlet].
func (o *outlet) TrySend(batch []*hub.Message) (n int, err error) {
	if _, full := o.full(); full || o.conn.Stats().Queued > 0 {
		return 0, nil
	}
	return o.send(batch)
}

// Send implements [hub.Outlet].
func (o *outlet) Send(ctx context.Context, batch []*hub.Message) (n int, err error) {
	for n == 0 && err == nil {
		if err = o.conn.Flush(ctx); err == nil {
			n, err = o.send(batch)
		}
	}
	return n, err
}

// Ready implements [hub.Readier].
func (o *outlet) Ready(ctx context.Context) error {
	for {
		more, full := o.full()
		if !full {
			return o.conn.Flush(ctx)
		}
		timer := time.NewTimer(patience - time.Since(o.sent))
		select {
		case <-more:
		case <-timer.C:
		case <-ctx.Done():
		case <-o.conn.Done(): // whoever else is waited for
		}
		timer.Stop()
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := o.conn.Err(); err != nil {
			return err
		}
	}
}

// send sends what there is room for. Of states it sends the newest.
func (o *outlet) send(batch []*hub.Message) (n int, err error) {
	for i, m := range batch {
		var err error
		switch {
		case m.Key != stateKey:
			err = o.conn.TryWrite(websocket.MessageBinary, m.Data)
		case i+1 < len(batch) && batch[i+1].Key == stateKey:
		default:
			err = o.sendState(m)
		}
		if errors.Is(err, websocket.ErrQueueFull) {
			return i, nil
		}
		if err != nil {
			return i, err
		}
	}
	return len(batch), nil
}

func (o *outlet) sendState(m *hub.Message) error {
	s, frame := frameFrom(o.has, m)
	if s == nil {
		return nil // the owner says no such thing
	}
	if err := o.conn.TryWritePrepared(frame); err != nil {
		return err
	}
	if o.has == nil {
		o.saw(s.Tick)
	}
	o.has, o.sent = s, time.Now()
	return nil
}

// decoded is the form of a message in which it is an *arena.State; nil if it is
// none.
type decoded struct{}

// changes is the form of a message in which it is a *websocket.Prepared that
// makes its state of base.
type changes struct{ base *arena.State }

// frameFrom is the state that m has, and the message that makes it of base; a
// nil base is none. Most viewers have the state before: for all of them the
// message is made once.
func frameFrom(base *arena.State, m *hub.Message) (*arena.State, *websocket.Prepared) {
	s := m.Form(decoded{}, func(m *hub.Message) any {
		s, _ := codec.Apply(new(arena.State), m.Data)
		return s
	}).(*arena.State)
	if s == nil || base == nil {
		return s, m.Form(changes{}, func(m *hub.Message) any {
			return websocket.Prepare(websocket.MessageBinary, m.Data)
		}).(*websocket.Prepared)
	}
	return s, m.Form(changes{base}, func(*hub.Message) any {
		return websocket.Prepare(websocket.MessageBinary, codec.AppendDelta(nil, base, s))
	}).(*websocket.Prepared)
}
