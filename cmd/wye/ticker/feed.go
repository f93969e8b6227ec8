package ticker

import (
	"context"
	"sync"
	"time"

	"github.com/wye-org/wye/hub"
)

// A feed lets the market move while somebody listens, and publishes each tick
// into its symbol's channel.
type feed struct {
	hub  *hub.Hub
	seed uint64

	mu        sync.Mutex // guards what is below
	market    *market    // nil before the first listener
	listeners int
	stop      context.CancelFunc // ends the run; nil: there is none
	ended     chan struct{}      // closed when the last run has; nil before the first
}

// listen has the market move until leave is called, once.
func (f *feed) listen() (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.market == nil {
		f.market = openMarket(f.seed, time.Now())
	}
	f.listeners++
	if f.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		before, ended := f.ended, make(chan struct{})
		f.stop, f.ended = cancel, ended
		go f.run(ctx, before, ended) // the feed's; ends when the last listener leaves
	}
	return f.leave
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners--; f.listeners == 0 {
		f.stop()
		f.stop = nil
	}
}

// wait returns when nothing runs any more. There are no listeners.
func (f *feed) wait() {
	f.mu.Lock()
	ended := f.ended
	f.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// run publishes ticks as they are due, until ctx ends. It begins when the run
// before it has ended, so that two never mix up the order.
func (f *feed) run(ctx context.Context, before <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	if before != nil {
		<-before
	}
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

// quote is a symbol as it stands. There is a listener.
func (f *feed) quote(symbol string) quotation {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := &f.market.quotes[index[symbol]]
	return quotation{
		Type:   "quote",
		Symbol: q.Symbol,
		Name:   q.Name,
		Seq:    q.last.Seq,
		Open:   q.openPrice(),
		Price:  q.last.Price,
		Volume: q.last.Volume,
		Time:   inMilliseconds(q.last.Time),
		Prices: append([]Price(nil), q.prices...),
	}
}
