package ticker

import (
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/lease"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// newExchanges are servers that share an engine, each with a seed of its own.
func newExchanges(t *testing.T, n int) (all []*exchange) {
	t.Helper()
	memory := hub.NewMemory(nil)
	for i := range n {
		h, err := hub.New(hub.Options{Engine: memory, Namespaces: []hub.Namespace{Namespace(), lease.Namespace()}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		all = append(all, &exchange{t, NewHandler(h, uint64(i+1), websocket.AcceptOptions{})})
	}
	return all
}

func (p *client) leaves() {
	p.t.Helper()
	p.conn.CloseNow()
	if err := <-p.ended; err != nil {
		p.t.Errorf("the conversation ended with %v", err)
	}
}

// course are the prices of a symbol by the number of the tick.
func course(events []event, symbol string) map[uint64]Price {
	c := map[uint64]Price{}
	for _, e := range events {
		if e.Symbol == symbol {
			c[e.Seq] = e.Price
		}
	}
	return c
}

func TestTwoServersHaveOneMarket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchanges(t, 2)
		ada, bob := x[0].connect("ACME", "QUIC"), x[1].connect("QUIC")
		time.Sleep(30 * time.Second)
		both := [][]event{ada.readFor(time.Millisecond), bob.readFor(time.Millisecond)}
		a, b := course(both[0], "QUIC"), course(both[1], "QUIC")
		if len(b) < 60 {
			t.Errorf("Bob was told of %d ticks in 30 s", len(b))
		}
		for seq, price := range b {
			if other, ok := a[seq]; ok && other != price {
				t.Errorf("tick %d is %d here and %d there", seq, other, price)
			}
		}
		// Who comes later is told the same of the past, of symbols too that
		// nobody followed there.
		for _, symbol := range []string{"ACME", "WIRE"} {
			if here, there := x[0].feed.quote(symbol), x[1].feed.quote(symbol); !slices.Equal(here.Prices, there.Prices) || here.Seq != there.Seq || here.Volume != there.Volume || here.Seq <= keptPrices {
				t.Errorf("%s is told as\n%+v\n%+v", symbol, here, there)
			}
		}
		// The one who made the prices goes: the other goes on, with the next
		// tick and not far from the last price.
		before := bob.known["QUIC"]
		ada.leaves()
		events := bob.readFor(10 * time.Second)
		after := course(events, "QUIC")
		if len(after) < 20 || conflated(events) != 0 {
			t.Errorf("%d ticks in the next ten seconds, %d were left out", len(after), conflated(events))
		}
		if next, ok := after[before.Seq+1]; !ok || next < before.Price*9/10 || next > before.Price*11/10 {
			t.Errorf("tick %d was %d, and the next one is %d, %v", before.Seq, before.Price, next, ok)
		}
		// Who was away hears how it went on.
		ada = x[0].connect("QUIC")
		if known := ada.known["QUIC"].Seq; known < before.Seq+20 {
			t.Errorf("who comes back is told of tick %d, after %d", known, before.Seq)
		}
		ada.leaves()
		bob.leaves()
	})
}

// A server that was away for so long that all was forgotten believes those who went
// on, though they have counted less far.
func TestAServerThatCountedFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchanges(t, 2)
		ada := x[0].connect("QUIC")
		ada.readFor(5 * time.Minute)
		ada.leaves()
		far := x[0].feed.quote("QUIC").Seq
		time.Sleep(10 * time.Minute)
		bob := x[1].connect("QUIC")
		bob.readFor(10 * time.Second)
		if seq := bob.known["QUIC"].Seq; seq >= far {
			t.Fatalf("the second server counts %d already, the first had %d", seq, far)
		}
		ada = x[0].connect("QUIC")
		if seq := ada.known["QUIC"].Seq; seq >= far {
			t.Errorf("who comes to the first server is told of tick %d", seq)
		}
		if n := len(ada.readFor(10 * time.Second)); n < 20 {
			t.Errorf("it is told of %d ticks in ten seconds", n)
		}
		ada.leaves()
		bob.leaves()
	})
}

// While it is not known how the market stands nobody is told any prices.
func TestAnEngineThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := hub.NewMemory(nil)
		h, err := hub.New(hub.Options{Engine: memory, Namespaces: []hub.Namespace{Namespace(), lease.Namespace()}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		x := &exchange{t, NewHandler(h, 1, websocket.AcceptOptions{})}
		mend := memory.Cut()
		c, s := websocket.Pipe(nil, nil)
		ended := make(chan error, 1)
		go func() { ended <- x.converse(t.Context(), s, nil) }() // received below
		_, _, err = c.Read(t.Context())
		if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
			t.Errorf("the connection ended with %v, want 1013", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("the conversation ended with %v", err)
		}
		mend()
		p := x.connect("ACME")
		p.readFor(10 * time.Second)
		p.leaves()
	})
}

// What another server says is taken for no more than it is.
func TestBatonsThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{market: openMarket(1, time.Now())}
		was := f.quote("ACME")
		for _, p := range []string{"", "null", "[]", "{}", `[{"symbol":"NONE","seq":99}]`} {
			f.known = true
			f.takeOver([]byte(p))
		}
		if got := f.quote("ACME"); got.Seq != was.Seq || !slices.Equal(got.Prices, was.Prices) {
			t.Errorf("it became %+v", got)
		}
		// What is older than what is known changes nothing.
		older, err := json.Marshal([]quotation{{Symbol: "ACME", Seq: was.Seq - 1, Price: 1, Prices: []Price{1}}})
		if err != nil {
			t.Fatal(err)
		}
		f.takeOver(older)
		if got := f.quote("ACME"); got.Seq != was.Seq || got.Price != was.Price {
			t.Errorf("of an older one it became %+v", got)
		}
		long, err := json.Marshal([]quotation{{Symbol: "ACME", Seq: 500, Price: 0, Prices: make([]Price, 1000)}})
		if err != nil {
			t.Fatal(err)
		}
		f.takeOver(long)
		if got := f.quote("ACME"); got.Seq != 500 || len(got.Prices) != keptPrices || got.Price < 1 {
			t.Errorf("of a long one it became %+v", got)
		}
		for range 100 { // and it moves
			f.market.advance(time.Now().Add(time.Hour))
		}
		if got := f.quote("ACME"); got.Price < 1 || got.Price > 100_000 {
			t.Errorf("it went on to %v", got.Price)
		}
	})
}
