package ticker

import (
	"math"
	"math/rand/v2"
	"time"
)

// keptPrices is how many of a symbol's last prices a newcomer is told.
const keptPrices = 60

// A Price is an amount of money in cents.
type Price int64

// A Tick is one trade.
type Tick struct {
	Symbol string
	Seq    uint64 // counts the symbol's ticks without a gap
	Price  Price
	Volume int64 // shares traded since the market opened, this trade's included
	Time   time.Time
}

// A market is the prices of all symbols. They wander about where they opened, the
// same way for the same seed if it is asked at the same times. It is for one
// goroutine at a time.
type market struct {
	quotes []quote // as Companies
}

// A quote is one symbol's course.
type quote struct {
	*Company
	random *rand.Rand
	last   Tick
	stray  float64   // of the price's logarithm from where it opened
	due    time.Time // of the next tick
	prices []Price   // the last ones, oldest first, at most keptPrices
}

// openMarket opens at now, with so much of its past that every symbol has
// keptPrices prices.
func openMarket(seed uint64, now time.Time) *market {
	m := &market{make([]quote, len(Companies))}
	for i := range m.quotes {
		c := &Companies[i]
		q := &m.quotes[i]
		*q = quote{Company: c, random: rand.New(rand.NewPCG(seed, uint64(i))), prices: make([]Price, 0, keptPrices)}
		q.last = Tick{Symbol: c.Symbol, Time: now.Add(-keptPrices * c.every)}
		for range keptPrices {
			q.trade(q.last.Time.Add(c.every))
		}
	}
	return m
}

// due is when the next tick of any symbol is.
func (m *market) due() time.Time {
	first := m.quotes[0].due
	for i := range m.quotes[1:] {
		if d := m.quotes[i+1].due; d.Before(first) {
			first = d
		}
	}
	return first
}

// advance makes one tick of each symbol that is due by now, however long that has
// been so: nobody makes up for trades that nobody asked for.
func (m *market) advance(now time.Time) []Tick {
	var ticks []Tick
	for i := range m.quotes {
		if q := &m.quotes[i]; !q.due.After(now) {
			ticks = append(ticks, q.trade(now))
		}
	}
	return ticks
}

// reversion is how fast a price comes back to where it opened: the logarithm's
// distance from there halves in ln 2/reversion, some two minutes.
const reversion = 0.006 // per second

// trade makes the next tick, at now. The logarithm of the price is an
// Ornstein–Uhlenbeck process, whose distribution after any time is known: a step
// over an hour is as right as one over a second.
func (q *quote) trade(now time.Time) Tick {
	dt := max(0, now.Sub(q.last.Time).Seconds())
	kept := math.Exp(-reversion * dt)
	spread := q.sigma * math.Sqrt((1-kept*kept)/(2*reversion))
	q.stray = q.stray*kept + spread*q.random.NormFloat64()

	q.last.Seq++
	q.last.Price = max(1, Price(math.Round(100*q.open*math.Exp(q.stray))))
	q.last.Volume += 10 * int64(1+min(500, 12*q.random.ExpFloat64()))
	q.last.Time = now
	q.keep(q.last.Price)

	// Trades come at random: half to one and a half times the mean apart.
	wait := 0.5 + q.random.Float64()
	q.due = now.Add(time.Duration(wait * float64(q.every)))
	return q.last
}

// keep adds a price to the last ones.
func (q *quote) keep(p Price) {
	if len(q.prices) == keptPrices {
		copy(q.prices, q.prices[1:])
		q.prices = q.prices[:keptPrices-1]
	}
	q.prices = append(q.prices, p)
}

// told is the quote as others are told it.
func (q *quote) told() quotation {
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

// set makes the quote what another server was told of it.
func (q *quote) set(told quotation) {
	q.last = Tick{q.Symbol, told.Seq, max(1, told.Price), told.Volume, told.Time}
	q.prices = q.prices[:0]
	for _, p := range told.Prices[max(0, len(told.Prices)-keptPrices):] {
		q.keep(p)
	}
	q.strayed()
}

// hear takes down a tick that another server has made, if it is newer.
func (q *quote) hear(t trade) {
	if t.Seq <= q.last.Seq {
		return
	}
	q.last = Tick{q.Symbol, t.Seq, max(1, t.Price), t.Volume, t.Time}
	q.keep(q.last.Price)
	q.strayed()
}

// strayed is for a price that the quote did not find by itself.
func (q *quote) strayed() { q.stray = math.Log(float64(q.last.Price) / 100 / q.open) }

// openPrice is what changes are measured against.
func (c *Company) openPrice() Price { return Price(math.Round(100 * c.open)) }
