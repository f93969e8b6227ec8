package ticker

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

var opening = time.Date(2026, 1, 2, 9, 30, 0, 0, time.UTC)

// run makes the ticks that are due until d has passed.
func (m *market) run(d time.Duration) (ticks []Tick) {
	for end := opening.Add(d); !m.due().After(end); {
		ticks = append(ticks, m.advance(m.due())...)
	}
	return ticks
}

func TestTheSameSeedIsTheSameMarket(t *testing.T) {
	course := func(seed uint64) string { return fmt.Sprint(openMarket(seed, opening).run(time.Minute)) }
	first, again, other := course(1), course(1), course(2)
	if first != again {
		t.Error("one seed gave two courses")
	}
	if first == other {
		t.Error("two seeds gave one course")
	}
}

func TestTicksAreCountedAndAddUp(t *testing.T) {
	m := openMarket(1, opening)
	last := map[string]Tick{}
	for _, q := range m.quotes {
		if len(q.prices) != keptPrices || q.last.Seq != keptPrices || !q.last.Time.Equal(opening) || q.prices[keptPrices-1] != q.last.Price {
			t.Errorf("%s opens with %d prices and %+v", q.Symbol, len(q.prices), q.last)
		}
		last[q.Symbol] = q.last
	}
	ticks := m.run(2 * time.Minute)
	for _, tick := range ticks {
		before := last[tick.Symbol]
		if tick.Seq != before.Seq+1 || tick.Volume <= before.Volume || !tick.Time.After(before.Time) || tick.Price < 1 {
			t.Fatalf("%+v came after %+v", tick, before)
		}
		last[tick.Symbol] = tick
	}
	for i, c := range Companies {
		q := &m.quotes[i]
		// Half to one and a half times the mean apart.
		n := float64(q.last.Seq - keptPrices)
		if mean := 2 * time.Minute.Seconds() / n; math.Abs(mean/c.every.Seconds()-1) > 0.2 {
			t.Errorf("%s ticks every %.2f s, want %v", c.Symbol, mean, c.every)
		}
		if len(q.prices) != keptPrices || q.prices[keptPrices-1] != q.last.Price {
			t.Errorf("%s keeps %d prices that end in %d, want %d", c.Symbol, len(q.prices), q.prices[len(q.prices)-1], q.last.Price)
		}
		var own []Price
		for _, tick := range ticks {
			if tick.Symbol == c.Symbol {
				own = append(own, tick.Price)
			}
		}
		if len(own) >= keptPrices && !slices.Equal(q.prices, own[len(own)-keptPrices:]) {
			t.Errorf("%s does not keep its last prices", c.Symbol)
		}
	}
}

// A price strays, and comes back: after hours it is as far from where it opened
// as the process says, not as far as a walk would be.
func TestPricesComeBack(t *testing.T) {
	m := openMarket(3, opening)
	m.run(10 * time.Minute) // away from the beginning, where none has strayed
	sums := make([]float64, len(Companies))
	counts := make([]int, len(Companies))
	at := map[string]int{}
	for i, c := range Companies {
		at[c.Symbol] = i
	}
	for end := opening.Add(2 * time.Hour); !m.due().After(end); {
		for _, tick := range m.advance(m.due()) {
			i := at[tick.Symbol]
			stray := math.Log(float64(tick.Price) / 100 / Companies[i].open)
			sums[i] += stray * stray
			counts[i]++
		}
	}
	for i, c := range Companies {
		got, want := math.Sqrt(sums[i]/float64(counts[i])), c.sigma/math.Sqrt(2*reversion)
		if got < 0.6*want || got > 1.5*want {
			t.Errorf("%s strays by %.4f, want about %.4f", c.Symbol, got, want)
		}
	}
}

// A market that nobody watched for a day has one tick to tell of each symbol, and
// moves on from there.
func TestNobodyMakesUpForWhatNobodySaw(t *testing.T) {
	m := openMarket(1, opening)
	tomorrow := opening.Add(24 * time.Hour)
	if ticks := m.advance(tomorrow); len(ticks) != len(Companies) {
		t.Errorf("%d ticks after a day, want one of each of the %d symbols", len(ticks), len(Companies))
	}
	if !m.due().After(tomorrow) {
		t.Error("more were due at once")
	}
	if ticks := m.advance(m.due().Add(-1)); len(ticks) != 0 {
		t.Errorf("%d ticks came before they were due", len(ticks))
	}
}

func TestNoTwoSymbolsMoveAlike(t *testing.T) {
	m := openMarket(1, opening)
	moves := map[string]string{}
	for i := range m.quotes {
		q := &m.quotes[i]
		var signs strings.Builder
		for j := range keptPrices - 1 {
			if q.prices[j+1] > q.prices[j] {
				signs.WriteByte('+')
			} else {
				signs.WriteByte('-')
			}
		}
		if other, ok := moves[signs.String()]; ok {
			t.Errorf("%s moves as %s does", q.Symbol, other)
		}
		moves[signs.String()] = q.Symbol
	}
}

func TestNothingIsFree(t *testing.T) {
	m := openMarket(1, opening)
	m.quotes[0].stray = -100
	if tick := m.quotes[0].trade(opening); tick.Price != 1 {
		t.Errorf("a share costs %d cents, want 1 at least", tick.Price)
	}
}

func TestSymbols(t *testing.T) {
	if !slices.IsSortedFunc(Companies, func(a, b Company) int { return strings.Compare(a.Symbol, b.Symbol) }) || len(index) != len(Companies) {
		t.Error("the symbols are not sorted, or one is there twice")
	}
	for _, symbol := range Default {
		if _, ok := index[symbol]; !ok {
			t.Errorf("%s is subscribed to by default, but nothing is traded as that", symbol)
		}
	}
	if len(Companies) < 20 {
		t.Errorf("only %d companies", len(Companies))
	}
}
