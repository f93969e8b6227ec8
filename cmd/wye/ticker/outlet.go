package ticker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// An outlet is the hub's way to one client. It takes ticks when all before them
// is with the kernel and as long as the client's window is open. The others wait
// in the hub, where a newer tick of a symbol takes an older one's place.
type outlet struct {
	conn *websocket.Conn

	mu     sync.Mutex // guards what is below
	window uint64     // most ticks that are not acknowledged; 0: no bound
	sent   uint64     // ticks of this connection
	acked  uint64     // of these
	told   []uint64   // the Seq that the client knows, as Companies; 0: none
	opened chan struct{}
}

func newOutlet(c *websocket.Conn) *outlet {
	return &outlet{conn: c, told: make([]uint64, len(Companies)), opened: make(chan struct{}, 1)}
}

// TrySend sends what goes without waiting.
func (o *outlet) TrySend(batch []*hub.Message) (n int, err error) {
	if o.conn.Stats().Queued > 0 {
		return 0, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, m := range batch {
		if err := o.try(m); errors.Is(err, websocket.ErrQueueFull) || errors.Is(err, errWindow) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
	return len(batch), nil
}

// errWindow: the client has acknowledged too little to be sent more.
var errWindow = errors.New("ticker: the window is closed")

// try sends m. The caller holds mu; sending does not wait.
func (o *outlet) try(m *hub.Message) error {
	f := formOf(m)
	if !f.isTick {
		return o.conn.TryWritePrepared(f.prepared)
	}
	told := &o.told[index[f.tick.Symbol]]
	if f.tick.Seq <= *told {
		return nil // the quote that the client got on subscribing is newer
	}
	if !o.open() {
		return errWindow
	}
	p := f.prepared
	if gap := f.tick.Seq - *told - 1; gap > 0 {
		own := f.tick
		own.Conflated = gap
		p = websocket.Prepare(websocket.MessageText, encode(own))
	}
	if err := o.conn.TryWritePrepared(p); err != nil {
		return err
	}
	*told = f.tick.Seq
	o.sent++
	return nil
}

func (o *outlet) open() bool { return o.window == 0 || o.sent-o.acked < o.window }

// Ready waits until the connection has sent what it was given, and the window is
// open.
func (o *outlet) Ready(ctx context.Context) error {
	for {
		if err := o.conn.Flush(ctx); err != nil {
			return err
		}
		o.mu.Lock()
		open := o.open()
		o.mu.Unlock()
		if open {
			return nil
		}
		select {
		case <-o.opened:
		case <-o.conn.Done():
			return o.conn.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Send is TrySend once there is room.
func (o *outlet) Send(ctx context.Context, batch []*hub.Message) (n int, err error) {
	for n == 0 && err == nil {
		if err = o.Ready(ctx); err == nil {
			n, err = o.TrySend(batch)
		}
	}
	return n, err
}

// setWindow bounds what may be on its way to the client.
func (o *outlet) setWindow(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.window = uint64(n)
	o.widen()
}

// acknowledge tells that the client has handled n ticks since it connected.
// Fewer than before change nothing.
func (o *outlet) acknowledge(n uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n > o.sent {
		return &Refusal{AckInvalid, fmt.Sprintf("%d ticks are acknowledged, but %d were sent", n, o.sent)}
	}
	o.acked = max(o.acked, n)
	o.widen()
	return nil
}

// widen wakes Ready. The caller holds mu.
func (o *outlet) widen() {
	select {
	case o.opened <- struct{}{}:
	default:
	}
}

// know tells that the client has been told of a symbol up to seq.
func (o *outlet) know(symbol string, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told[index[symbol]] = seq
}

// Close says goodbye where it is the hub that ends the connection.
func (o *outlet) Close(why error) {
	code, reason := websocket.StatusTryAgainLater, "too far behind: reconnect"
	if errors.Is(why, hub.ErrClosed) {
		code, reason = websocket.StatusServiceRestart, ""
	}
	// Close is bounded by the connection's own close timeout; how it ends is of
	// no more interest.
	o.conn.Close(context.Background(), code, reason)
}

// A form is a message as it goes over a connection, made once for all of them.
type form struct {
	isTick   bool
	tick     trade
	prepared *websocket.Prepared
}

type formKey struct{}

func formOf(m *hub.Message) *form {
	return m.Form(formKey{}, func(m *hub.Message) any {
		f := &form{prepared: websocket.Prepare(websocket.MessageText, m.Data)}
		if m.Key != "" { // a quote, or an answer, has none
			f.isTick = json.Unmarshal(m.Data, &f.tick) == nil
		}
		return f
	}).(*form)
}
