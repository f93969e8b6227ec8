package ticker

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/wye-org/wye/cmd/wye/lease"
	"github.com/wye-org/wye/hub"
)

// A feed is the market as this server knows it. Of the servers that share the hub's
// engine one makes the prices, while somebody listens anywhere, and publishes each
// tick into its symbol's channel; the others take down what they hear, for those who
// come later.
type feed struct {
	hub  *hub.Hub
	seed uint64

	door      sync.Mutex // guards what is below, and is held while the first listener comes or the last goes
	listeners int
	lease     *lease.Lease // nil: nobody listens
	ear       *hub.Client  // likewise

	mu     sync.Mutex // guards what is below
	market *market    // nil before the first listener
	known  bool       // it is as it stands, and not as it stood when somebody last listened here
}

// settleWithin is how long a listener waits until it is known how the market stands.
const settleWithin = 5 * time.Second

var errNoPrices = errors.New("ticker: nobody is known to make the prices")

// listen has the market move until leave is called, once. It returns when it is
// known how the market stands.
func (f *feed) listen(ctx context.Context) (leave func(), err error) {
	settled, err := f.enter(ctx)
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(settleWithin)
	defer late.Stop()
	select {
	case <-settled:
		return f.leave, nil
	case <-late.C:
		err = errNoPrices
	case <-ctx.Done():
		err = ctx.Err()
	}
	f.leave()
	return nil, err
}

func (f *feed) enter(ctx context.Context) (settled <-chan struct{}, err error) {
	f.door.Lock()
	defer f.door.Unlock()
	if f.listeners == 0 {
		if err := f.open(ctx); err != nil {
			return nil, err
		}
	}
	f.listeners++
	return f.lease.Settled(), nil
}

// open is for the first listener. door is held.
func (f *feed) open(ctx context.Context) error {
	f.mu.Lock()
	if f.market == nil {
		f.market = openMarket(f.seed, time.Now())
	}
	f.known = false
	f.mu.Unlock()
	ear, err := f.hub.Connect(ear{f}, nil)
	if err != nil {
		return err
	}
	for i := range Companies {
		if _, err := ear.Join(ctx, channelOf(Companies[i].Symbol), nil); err != nil {
			ear.Close()
			return err
		}
	}
	f.ear = ear
	f.lease = lease.Seek(f.hub, lease.Task{
		Name:  "ticker",
		Begin: f.begin,
		Run:   f.run,
		Baton: f.baton,
		Heard: func(baton []byte) { f.takeOver(baton) },
	})
	return nil
}

func (f *feed) leave() {
	f.door.Lock()
	defer f.door.Unlock()
	if f.listeners--; f.listeners == 0 {
		f.lease.Close()
		f.ear.Close()
		f.lease, f.ear = nil, nil
	}
}

// begin goes on from where the market stands.
func (f *feed) begin(_ context.Context, baton []byte) error {
	f.takeOver(baton)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = true // nobody knows better
	return nil
}

// baton is how the market stands.
func (f *feed) baton() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	quotes := make([]quotation, len(f.market.quotes))
	for i := range f.market.quotes {
		quotes[i] = f.market.quotes[i].told()
	}
	p, err := json.Marshal(quotes)
	if err != nil {
		return nil // nothing of it can fail
	}
	return p
}

// takeOver takes down how the market stands, where that is newer than what is known.
func (f *feed) takeOver(baton []byte) {
	var quotes []quotation
	if json.Unmarshal(baton, &quotes) != nil || len(quotes) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, told := range quotes {
		i, ok := index[told.Symbol]
		if q := &f.market.quotes[i]; ok && (!f.known || told.Seq > q.last.Seq) {
			q.set(told)
		}
	}
	f.known = true
}

// run publishes ticks as they are due, until ctx ends.
func (f *feed) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		f.mu.Lock()
		ticks := f.market.advance(time.Now())
		next := time.Until(f.market.due())
		f.mu.Unlock()
		for _, t := range ticks {
			// A tick that could not be published is to the members one
			// that gave way to the next.
			f.hub.Publish(ctx, channelOf(t.Symbol), encode(t.trade()), &hub.PublishOptions{Key: t.Symbol})
		}
		timer.Reset(next)
	}
}

// hear takes down a tick, if it is not this server's own.
func (f *feed) hear(t trade) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i, ok := index[t.Symbol]; ok && f.known {
		f.market.quotes[i].hear(t)
	}
}

// quote is a symbol as it stands. There is a listener.
func (f *feed) quote(symbol string) quotation {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.market.quotes[index[symbol]].told()
}

// ear is how the hub reaches a feed, which never has to be waited for.
type ear struct{ feed *feed }

// TrySend implements [hub.Outlet].
func (e ear) TrySend(batch []*hub.Message) (n int, err error) {
	for _, m := range batch {
		if f := formOf(m); f.isTick {
			e.feed.hear(f.tick)
		}
	}
	return len(batch), nil
}

// Send implements [hub.Outlet].
func (e ear) Send(_ context.Context, batch []*hub.Message) (n int, err error) {
	return e.TrySend(batch)
}

// Close implements [hub.Outlet].
func (ear) Close(error) {}
