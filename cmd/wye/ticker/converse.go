package ticker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// tooManyRefusals is how many requests of one connection are refused in a
// second before it is closed.
const tooManyRefusals pace.Rate = 20

// converse streams prices to one connection, those of first to begin with, and
// hears its requests, until it ends.
func (h *Handler) converse(ctx context.Context, c *websocket.Conn, first []string) error {
	out := newOutlet(c)
	client, err := h.feed.hub.Connect(out, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	leave, err := h.feed.listen(ctx)
	if err != nil {
		return h.turnAway(ctx, c, err)
	}
	defer leave()
	f := follower{feed: &h.feed, out: out, client: client}
	if err := f.begin(ctx, first); err != nil {
		return ended(err)
	}

	var refusals pace.Meter
	var buf []byte
	for {
		typ, p, err := c.ReadInto(ctx, buf[:0])
		if err != nil {
			return ended(err)
		}
		buf = p
		err = f.hear(ctx, typ, p)
		if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
			if _, ok := refusals.Allow(tooManyRefusals, time.Now()); !ok {
				// Close is bounded by the connection's own close timeout.
				return ended(c.Close(ctx, websocket.StatusPolicyViolation, "too many refused requests, the last: "+refusal.Error()))
			}
			err = f.tell(refused{"error", *refusal})
		}
		if err != nil {
			return ended(err)
		}
	}
}

// turnAway closes a connection that cannot be told any prices for now.
func (h *Handler) turnAway(ctx context.Context, c *websocket.Conn, err error) error {
	if errors.Is(err, errNoPrices) || errors.Is(err, hub.ErrUnavailable) {
		h.accept.Logger.WarnContext(ctx, "ticker connection closed", "err", err)
		// Close is bounded by the connection's own close timeout.
		err = c.Close(ctx, websocket.StatusTryAgainLater, "there are no prices for now: reconnect")
	}
	return ended(err)
}

// ended is nil for a connection that has ended, or that the hub has given up,
// whose outlet says why.
func ended(err error) error {
	var closed *websocket.CloseError
	if errors.As(err, &closed) || errors.Is(err, hub.ErrSlow) || errors.Is(err, hub.ErrClosed) {
		return nil
	}
	return err
}

// A follower is one connection's part in the market.
type follower struct {
	feed    *feed
	out     *outlet
	client  *hub.Client
	symbols []string // that it is subscribed to, sorted
}

// begin tells what there is, and subscribes to what the URL named.
func (f *follower) begin(ctx context.Context, first []string) error {
	there := listing{Type: "market"}
	for _, c := range Companies {
		there.Symbols = append(there.Symbols, entry{c.Symbol, c.Name})
	}
	if err := f.tell(there); err != nil {
		return err
	}
	return f.subscribe(ctx, first)
}

// tell sends an event after what was queued before it.
func (f *follower) tell(event any) error { return f.client.Send(encode(event), false) }

// hear carries out one request. A *Refusal says that no part of it was.
func (f *follower) hear(ctx context.Context, typ websocket.MessageType, p []byte) error {
	q, err := parseRequest(typ, p)
	if err != nil {
		return err
	}
	if q.Ack != nil {
		if err := f.out.acknowledge(*q.Ack); err != nil {
			return err
		}
	}
	if q.Window != nil {
		f.out.setWindow(*q.Window)
	}
	if q.Subscribe == nil && q.Unsubscribe == nil {
		return nil
	}
	if err := f.unsubscribe(ctx, q.Unsubscribe); err != nil {
		return err
	}
	if err := f.subscribe(ctx, q.Subscribe); err != nil {
		return err
	}
	return f.tell(subscriptions{"subscriptions", append([]string{}, f.symbols...)})
}

// subscribe joins the channels of symbols that are not followed yet. The client
// is told how each stands before anything that happens next.
func (f *follower) subscribe(ctx context.Context, symbols []string) error {
	for _, symbol := range symbols {
		at, found := slices.BinarySearch(f.symbols, symbol)
		if found {
			continue
		}
		greet := func(*hub.Welcome) []*hub.Message {
			q := f.feed.quote(symbol)
			f.out.know(symbol, q.Seq)
			return []*hub.Message{{Data: encode(q)}}
		}
		if _, err := f.client.Join(ctx, channelOf(symbol), &hub.JoinOptions{Greet: greet}); err != nil {
			return err
		}
		f.symbols = slices.Insert(f.symbols, at, symbol)
	}
	return nil
}

func (f *follower) unsubscribe(ctx context.Context, symbols []string) error {
	for _, symbol := range symbols {
		at, found := slices.BinarySearch(f.symbols, symbol)
		if !found {
			continue
		}
		if err := f.client.Leave(ctx, channelOf(symbol)); err != nil {
			return err
		}
		f.symbols = slices.Delete(f.symbols, at, at+1)
	}
	return nil
}
