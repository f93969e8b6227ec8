package ticker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/lease"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// event is anything that the server tells.
type event struct {
	Type      string
	Symbol    string
	Symbols   json.RawMessage
	Name      string
	Seq       uint64
	Open      Price
	Price     Price
	Volume    int64
	Time      time.Time
	Prices    []Price
	Conflated uint64
	Code      Code
	Text      string
}

// exchange is a market for the clients of a test, in its bubble.
type exchange struct {
	t *testing.T
	*Handler
}

func newExchange(t *testing.T) *exchange {
	h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{Namespace(), lease.Namespace()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{t, NewHandler(h, 1, websocket.AcceptOptions{})}
	t.Cleanup(func() { h.Close() })
	return x
}

// client is one connection to the exchange. Its failures are the test's.
type client struct {
	t     *testing.T
	conn  *websocket.Conn
	ended chan error       // what converse returned
	known map[string]event // what it was told last of each symbol
	ticks uint64
}

// connect opens a connection that asks for the symbols in its URL, and reads what
// there is.
func (x *exchange) connect(first ...string) *client {
	x.t.Helper()
	c, s := websocket.Pipe(&websocket.Options{PingInterval: -1}, &x.accept.Options)
	p := &client{x.t, c, make(chan error, 1), map[string]event{}, 0}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the connection, at the end of the test at the latest
		p.ended <- x.converse(ctx, s, first)
		s.CloseNow()
	}()
	x.t.Cleanup(func() {
		c.CloseNow()
		cancel()
		synctest.Wait()
	})
	if e := p.read(); e.Type != "market" {
		x.t.Fatalf("the first message is %+v", e)
	}
	for _, symbol := range first {
		if e := p.read(); e.Type != "quote" || e.Symbol != symbol {
			x.t.Fatalf("got %+v, want the quote of %s", e, symbol)
		}
	}
	return p
}

// read is the next message. It checks what must hold for each: what a tick says
// that there was before it is what there was.
func (p *client) read() event {
	p.t.Helper()
	e, ok := p.readWithin(time.Hour)
	if !ok {
		p.t.Fatal("nothing came for an hour")
	}
	return e
}

// readWithin is the next message, if one comes within d.
func (p *client) readWithin(d time.Duration) (e event, ok bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), d)
	defer cancel()
	typ, b, err := p.conn.Read(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return e, false
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &e); err != nil || typ != websocket.MessageText {
		p.t.Fatalf("%v %q: %v", typ, b, err)
	}
	last, known := p.known[e.Symbol]
	switch e.Type {
	case "quote":
		if len(e.Prices) != keptPrices || e.Prices[keptPrices-1] != e.Price || e.Open == 0 || e.Name == "" || e.Seq < last.Seq {
			p.t.Fatalf("the quote %s", b)
		}
		p.known[e.Symbol] = e
	case "tick":
		p.ticks++
		if !known || e.Seq != last.Seq+1+e.Conflated || e.Volume <= last.Volume || e.Time.Before(last.Time) || e.Price < 1 {
			p.t.Fatalf("the tick %s came after %+v", b, last)
		}
		p.known[e.Symbol] = e
	}
	return e, true
}

// readFor is what comes within d.
func (p *client) readFor(d time.Duration) (events []event) {
	p.t.Helper()
	for end := time.Now().Add(d); ; {
		e, ok := p.readWithin(time.Until(end))
		if !ok {
			return events
		}
		events = append(events, e)
	}
}

// until reads up to the first message of a type.
func (p *client) until(typ string) event {
	p.t.Helper()
	for {
		if e := p.read(); e.Type == typ {
			return e
		}
	}
}

// says sends one message as it is.
func (p *client) says(format string, args ...any) {
	p.t.Helper()
	if err := p.conn.Write(p.t.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		p.t.Fatal(err)
	}
}

// bubble runs a test with an exchange in a bubble of its own.
func bubble(t *testing.T, test func(t *testing.T, x *exchange)) {
	synctest.Test(t, func(t *testing.T) { test(t, newExchange(t)) })
}

func conflated(events []event) (n uint64) {
	for _, e := range events {
		n += e.Conflated
	}
	return n
}

func TestAFastClientSeesEveryTick(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		p := x.connect("ACME", "BYTE", "QUIC")
		events := p.readFor(time.Minute)
		if n := conflated(events); n != 0 {
			t.Errorf("%d ticks were conflated away", n)
		}
		for _, symbol := range []string{"ACME", "BYTE", "QUIC"} {
			if q := x.feed.quote(symbol); p.known[symbol].Seq != q.Seq || p.known[symbol].Price != q.Price {
				t.Errorf("the client knows %+v, and it is %+v", p.known[symbol], q)
			}
		}
		// 400, 700 and 250 ms apart on average.
		if n := len(events); n < 400 || n > 550 {
			t.Errorf("%d ticks in a minute, want about 475", n)
		}
	})
}

func TestSubscribing(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		p := x.connect("ACME")
		p.says(`{"subscribe":["wire","ACME","BYTE"]}`)
		if e := p.until("quote"); e.Symbol != "BYTE" {
			t.Errorf("first %+v, want BYTE: what is followed already is not told again", e)
		}
		if e := p.until("quote"); e.Symbol != "WIRE" || e.Name != "Wireworks" {
			t.Errorf("then %+v, want WIRE", e)
		}
		if e := p.until("subscriptions"); string(e.Symbols) != `["ACME","BYTE","WIRE"]` {
			t.Errorf("subscribed to %s", e.Symbols)
		}
		p.readFor(10 * time.Second)

		before := p.known["WIRE"].Seq
		p.says(`{"unsubscribe":["WIRE","SOCK"]}`)
		if e := p.until("subscriptions"); string(e.Symbols) != `["ACME","BYTE"]` {
			t.Errorf("subscribed to %s", e.Symbols)
		}
		for _, e := range p.readFor(10 * time.Second) {
			if e.Symbol == "WIRE" {
				t.Fatalf("%+v came for who has unsubscribed", e)
			}
		}

		// What went by meanwhile is in the quote, not among the conflated.
		p.says(`{"unsubscribe":["*"],"subscribe":["WIRE"]}`)
		if e := p.until("quote"); e.Symbol != "WIRE" || e.Seq < before+10 {
			t.Errorf("%+v, want WIRE some twenty ticks after %d", e, before)
		}
		if e := p.until("subscriptions"); string(e.Symbols) != `["WIRE"]` {
			t.Errorf("subscribed to %s", e.Symbols)
		}
		if n := conflated(p.readFor(10 * time.Second)); n != 0 {
			t.Errorf("%d ticks are said to be conflated away", n)
		}
		p.says(`{"subscribe":["*"]}`)
		var all []string
		for _, c := range Companies {
			all = append(all, c.Symbol)
		}
		want, _ := json.Marshal(all)
		if e := p.until("subscriptions"); string(e.Symbols) != string(want) {
			t.Errorf("subscribed to %s, want all", e.Symbols)
		}
		p.says(`{"unsubscribe":["*"]}`)
		if e := p.until("subscriptions"); string(e.Symbols) != `[]` {
			t.Errorf("subscribed to %s, want none", e.Symbols)
		}
		if events := p.readFor(time.Minute); len(events) != 0 {
			t.Errorf("%+v came for who follows nothing", events[0])
		}
	})
}

// A client that acknowledges late gets the newest price of each symbol, and is
// told how many gave way to it; another beside it gets all of them.
func TestAClosedWindowConflates(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		fast := x.connect("ACME", "BYTE")
		slow := x.connect("ACME", "BYTE")
		slow.says(`{"window":3}`)
		var n uint64
		for range 3 {
			if e := slow.read(); e.Type != "tick" || e.Conflated != 0 {
				t.Fatalf("within the window came %+v", e)
			}
			n++
		}
		if n := conflated(fast.readFor(30 * time.Second)); n != 0 {
			t.Errorf("%d ticks were conflated away for the fast client", n)
		}
		if e, ok := slow.readWithin(time.Second); ok {
			t.Fatalf("%+v came through a closed window", e)
		}

		slow.says(`{"ack":%d}`, 1)
		e, ok := slow.readWithin(time.Millisecond)
		if q := x.feed.quote(e.Symbol); !ok || e.Seq != q.Seq || e.Price != q.Price || e.Conflated < 10 {
			t.Errorf("got %+v, want the newest, %+v, and how many it stands for", e, q)
		}
		if e, ok := slow.readWithin(10 * time.Second); ok {
			t.Errorf("%+v came too: one tick was acknowledged", e)
		}

		// All at once, in any order of acknowledging.
		slow.says(`{"ack":4}`)
		slow.says(`{"ack":2}`)
		for range 2 {
			e, ok := slow.readWithin(time.Millisecond)
			if q := x.feed.quote(e.Symbol); !ok || e.Seq != q.Seq || e.Conflated < 5 {
				t.Errorf("got %+v, want the newest, %+v", e, q)
			}
		}
		if n := conflated(slow.readFor(time.Millisecond)); n != 0 {
			t.Errorf("the one tick left came with %d", n)
		}

		slow.readFor(10 * time.Second) // the window closes again
		slow.says(`{"window":0}`)
		slow.readFor(time.Millisecond)
		events := slow.readFor(30 * time.Second)
		if n := conflated(events); n != 0 || len(events) < 90 {
			t.Errorf("without a window %d ticks came, and %d were conflated away", len(events), n)
		}
	})
}

// So does one that reads too slowly: its connection fills up.
func TestAFullConnectionConflates(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		// It reads ahead a lot, and then nothing for a minute.
		x.accept.WriteTimeout, x.accept.PingInterval = time.Hour, -1
		every, _ := symbols([]string{all})
		fast, slow := x.connect(every...), x.connect(every...)
		var late []event
		for range 5 * 60 {
			if n := conflated(fast.readFor(time.Second)); n != 0 {
				t.Fatalf("%d ticks were conflated away for the fast client", n)
			}
			for range 10 { // of some thirty
				late = append(late, slow.read())
			}
		}
		if n := conflated(late); n < 1000 {
			t.Errorf("%d ticks were conflated away in five minutes, want some 4,000", n)
		}
		// What had filled the connection is old, and comes first.
		slow.readFor(time.Second)
		for _, symbol := range every {
			if q := x.feed.quote(symbol); slow.known[symbol].Seq != q.Seq {
				t.Errorf("the last that came of %s is %d, want the newest, %d", symbol, slow.known[symbol].Seq, q.Seq)
			}
		}
		if n := conflated(slow.readFor(time.Minute)); n != 0 {
			t.Errorf("%d more were conflated away once it read", n)
		}
	})
}

func TestRefusals(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		p := x.connect()
		for request, code := range map[string]Code{
			`hello`:                          BadRequest,
			`{"subscribe":["NONE","ACME"]}`:  UnknownSymbol,
			`{"window":-1}`:                  WindowInvalid,
			`{"ack":1}`:                      AckInvalid,
			`{"ack":1,"subscribe":["ACME"]}`: AckInvalid,
		} {
			p.says("%s", request)
			if e := p.read(); e.Type != "error" || e.Code != code || e.Text == "" {
				t.Errorf("%s was answered by %+v, want %s", request, e, code)
			}
		}
		if events := p.readFor(time.Minute); len(events) != 0 {
			t.Errorf("a refused request had an effect: %+v", events[0])
		}
		for range 30 {
			p.says(`{}`)
		}
		n := 0
		for {
			_, _, err := p.conn.Read(t.Context())
			if err != nil {
				var closed *websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || !strings.Contains(closed.Reason, "bad_request") {
					t.Errorf("the connection ended with %v, want 1008 and why", err)
				}
				break
			}
			n++
		}
		// The last answers may not be sent any more.
		if n > int(tooManyRefusals) {
			t.Errorf("%d refusals in a second, want %v at most", n, tooManyRefusals)
		}
		if err := <-p.ended; err != nil {
			t.Errorf("the conversation ended with %v", err)
		}
	})
}

func TestTheMarketMovesWhileSomebodyListens(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		if x.feed.market != nil {
			t.Error("the market is open, though nobody ever came")
		}
		p, q := x.connect("ACME"), x.connect("ACME")
		p.readFor(10 * time.Second)
		p.conn.Close(t.Context(), websocket.StatusNormalClosure, "")
		if err := <-p.ended; err != nil {
			t.Errorf("the conversation ended with %v", err)
		}
		before := x.feed.quote("ACME").Seq
		q.readFor(10 * time.Second)
		if x.feed.quote("ACME").Seq < before+10 {
			t.Error("the market stands still, though one listens")
		}
		q.conn.CloseNow()
		<-q.ended
		if s := x.feed.hub.Stats(); s.Clients != 0 {
			t.Errorf("%d clients are left in the hub", s.Clients)
		}
		before = x.feed.quote("ACME").Seq
		time.Sleep(time.Hour)
		if after := x.feed.quote("ACME").Seq; after != before {
			t.Errorf("%d ticks for nobody", after-before)
		}
		r := x.connect("ACME")
		if at := r.known["ACME"].Seq; at != before && at != before+1 {
			t.Errorf("who comes next is told of tick %d, want %d or the next", at, before)
		}
		if events := r.readFor(10 * time.Second); len(events) < 15 || conflated(events) != 0 {
			t.Errorf("who comes next is told of %d ticks in ten seconds, want about 25", len(events))
		}
	})
}

func TestTheBoundsOfAConnection(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		p := x.connect()
		began := time.Now()
		for range 2*requestRate + 3*requestRate {
			p.says(`{"ack":0}`)
		}
		p.says(`{"subscribe":[]}`)
		if e := p.read(); e.Type != "subscriptions" {
			t.Fatalf("got %+v", e)
		}
		if took := time.Since(began).Round(100 * time.Millisecond); took != 3*time.Second {
			t.Errorf("500 requests were read in %v, want 3s: 200 at once and 100 a second", took)
		}
		p.says(`{"subscribe":["%s"]}`, strings.Repeat("A", maxRequest))
		if _, _, err := p.conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("a long request ended the connection with %v, want 1009", err)
		}
		if err := <-p.ended; err != nil {
			t.Errorf("the conversation ended with %v", err)
		}
	})
}

// message is a tick as it comes out of the hub.
func message(symbol string, seq uint64) *hub.Message {
	return &hub.Message{Key: symbol, Data: encode(Tick{Symbol: symbol, Seq: seq, Price: 1, Volume: int64(seq)}.trade())}
}

// The tick before a quote may come after it: it was published while the client
// subscribed.
func TestAQuoteIsNotFollowedByWhatWasBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer c.CloseNow()
		defer s.CloseNow()
		o := newOutlet(s)
		o.know("BYTE", 10)
		batch := []*hub.Message{message("BYTE", 9), message("BYTE", 10), message("BYTE", 11), message("BYTE", 14)}
		if n, err := o.TrySend(batch); n != len(batch) || err != nil {
			t.Fatalf("sent %d, %v", n, err)
		}
		for _, want := range []string{`"seq":11,`, `"conflated":2}`} {
			if _, b, err := c.Read(t.Context()); err != nil || !strings.Contains(string(b), want) {
				t.Errorf("got %s, %v; want %s", b, err, want)
			}
		}
		if o.sent != 2 {
			t.Errorf("%d ticks were counted, want 2", o.sent)
		}
	})
}

// What waits, waits where newer ticks can take its place: not in the connection.
func TestTheConnectionKeepsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer c.CloseNow()
		defer s.CloseNow()
		o := newOutlet(s)
		for seq := uint64(1); ; seq++ {
			n, err := o.TrySend([]*hub.Message{message("BYTE", seq)})
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			synctest.Wait()
		}
		if n := s.Stats().Queued; n > 200 { // bytes: one tick has about 120
			t.Errorf("%d bytes wait in the connection, want those of one tick at most", n)
		}
		// And it does not wait for a window where the connection has ended.
		o.setWindow(1)
		go s.CloseNow()
		if err := o.Ready(t.Context()); err == nil {
			t.Error("a connection that has ended is ready")
		}
	})
}

func TestReadyEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer c.CloseNow()
		o := newOutlet(s)
		o.setWindow(1)
		if n, err := o.TrySend([]*hub.Message{message("BYTE", 1), message("BYTE", 2)}); n != 1 || err != nil {
			t.Fatalf("sent %d, %v; want 1", n, err)
		}
		ready := make(chan error, 1)
		go func() { ready <- o.Ready(t.Context()) }() // received below
		synctest.Wait()
		select {
		case err := <-ready:
			t.Fatalf("ready with %v, though the window is closed", err)
		default:
		}
		s.CloseNow()
		if err := <-ready; err == nil {
			t.Error("ready, though the connection has ended")
		}
	})
}

// What a client was told does not change afterwards.
func TestAQuoteIsACopy(t *testing.T) {
	bubble(t, func(t *testing.T, x *exchange) {
		p := x.connect("ACME")
		q := x.feed.quote("ACME")
		prices := slices.Clone(q.Prices)
		p.readFor(time.Minute)
		if !slices.Equal(q.Prices, prices) {
			t.Error("a quote changes after it was made")
		}
	})
}

func TestHowAConversationEnds(t *testing.T) {
	for _, err := range []error{hub.ErrClosed, hub.ErrSlow, &websocket.CloseError{Code: websocket.StatusGoingAway}} {
		if got := ended(fmt.Errorf("wrapped: %w", err)); got != nil {
			t.Errorf("%v is an error of ours", got)
		}
	}
	if err := ended(io.ErrShortWrite); err != io.ErrShortWrite {
		t.Errorf("an error became %v", err)
	}
}

func TestTheHubSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{Namespace(), lease.Namespace()}})
		if err != nil {
			t.Fatal(err)
		}
		x := &exchange{t, NewHandler(h, 1, websocket.AcceptOptions{})}
		p := x.connect("ACME")
		closed := make(chan error, 1)
		go func() { closed <- h.Close() }() // received below
		for {
			if _, _, err = p.conn.Read(t.Context()); err != nil {
				break
			}
		}
		if websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			t.Errorf("the connection ended with %v, want 1012", err)
		}
		if err := <-p.ended; err != nil {
			t.Errorf("the conversation ended with %v", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err := x.converse(t.Context(), nil, nil); err == nil {
			t.Error("a connection was taken after that")
		}
	})
}

func TestWhatTheURLAsksFor(t *testing.T) {
	for query, want := range map[string][]string{
		"":                              Default,
		"?x=1":                          Default,
		"?symbols=":                     {},
		"?symbols=wire,ACME,":           {"ACME", "WIRE"},
		"?symbols=WIRE&symbols=BYTE":    {"BYTE", "WIRE"},
		"?ticket=secret&symbols=%41CME": {"ACME"},
	} {
		got, err := asked(httptest.NewRequest("GET", "/api/stocks/stream"+query, nil))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q asks for %q, %v; want %q", query, got, err, want)
		}
	}
	bubble(t, func(t *testing.T, x *exchange) {
		w := httptest.NewRecorder()
		x.ServeHTTP(w, httptest.NewRequest("GET", "/api/stocks/stream?symbols=ACME,%22%0a", nil))
		body, _ := io.ReadAll(w.Body)
		if w.Code != http.StatusBadRequest || string(body) != "nothing is traded as \"\\\"\\n\"\n" {
			t.Errorf("an unknown symbol in the URL was answered with %d %q", w.Code, body)
		}
		w = httptest.NewRecorder()
		x.ServeHTTP(w, httptest.NewRequest("GET", "/api/stocks/stream", nil))
		if w.Code != http.StatusUpgradeRequired {
			t.Errorf("plain HTTP was answered with %d, want 426", w.Code)
		}
	})
}
