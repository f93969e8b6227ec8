package dashboard_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/dashboard"
	"github.com/wye-org/wye/cmd/wye/metrics"
	"github.com/wye-org/wye/websocket"
)

// counting is a board whose samples are numbered by Open.
type counting struct {
	*dashboard.Board
	taken  atomic.Int64
	atOnce atomic.Int64
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	c := new(counting)
	b, err := dashboard.New("", func() metrics.Sample {
		if c.atOnce.Add(1) > 1 {
			t.Error("two samples are taken at once")
		}
		defer c.atOnce.Add(-1)
		time.Sleep(time.Millisecond)
		return metrics.Sample{Type: "sample", Open: c.taken.Add(1)}
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c.Board = b
	return c
}

// viewer is a connection that somebody watches by.
type viewer struct {
	t *testing.T
	*websocket.Conn
	ended chan error
}

func (c *counting) view(t *testing.T, server *websocket.Options) *viewer {
	client, conn := websocket.Pipe(nil, server)
	v := &viewer{t, client, make(chan error, 1)}
	go func() { // ends with the connection; received by leave
		v.ended <- c.Watch(context.Background(), conn)
		conn.CloseNow()
	}()
	return v
}

func (v *viewer) leave() {
	v.t.Helper()
	v.Close(context.Background(), websocket.StatusNormalClosure, "")
	if err := <-v.ended; err != nil {
		v.t.Error(err)
	}
}

// message is what a viewer is told: the numbers of samples.
func (v *viewer) message() (typ string, numbers []int64) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, p, err := v.Read(ctx)
	if err != nil {
		v.t.Fatal(err)
	}
	var m struct {
		Type    string
		Open    int64
		Samples []struct{ Open int64 }
	}
	if err := json.Unmarshal(p, &m); err != nil {
		v.t.Fatalf("%v in %s", err, p)
	}
	if m.Type == "sample" {
		return m.Type, []int64{m.Open}
	}
	for _, s := range m.Samples {
		numbers = append(numbers, s.Open)
	}
	return m.Type, numbers
}

func (v *viewer) gets(typ string, numbers ...int64) {
	v.t.Helper()
	gotTyp, got := v.message()
	same := gotTyp == typ && len(got) == len(numbers)
	for i := range got {
		same = same && got[i] == numbers[i]
	}
	if !same {
		v.t.Errorf("got %s %v, want %s %v", gotTyp, got, typ, numbers)
	}
}

// Samples are taken while somebody watches, one for all, and a newcomer finds
// the last ones.
func TestSamplesAreTakenWhileSomebodyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newCounting(t)
		defer b.Close()
		time.Sleep(time.Minute)
		if n := b.taken.Load(); n != 0 {
			t.Errorf("%d samples, and nobody watches", n)
		}
		began := time.Now()
		ada := b.view(t, nil)
		ada.gets("history")
		ada.gets("sample", 1) // at once
		if d := time.Since(began); d > 100*time.Millisecond {
			t.Errorf("the first sample comes after %v", d)
		}
		ada.gets("sample", 2)
		if d := time.Since(began); d < 900*time.Millisecond || d > 1100*time.Millisecond {
			t.Errorf("the second sample comes after %v", d)
		}
		bob := b.view(t, nil)
		bob.gets("history", 1, 2)
		ada.gets("sample", 3)
		bob.gets("sample", 3)
		ada.leave()
		bob.gets("sample", 4)
		bob.leave()
		synctest.Wait()
		time.Sleep(time.Minute)
		if n := b.taken.Load(); n != 4 {
			t.Errorf("%d samples, though nobody watches", n)
		}
		// What they saw is there for who comes within the time that is shown.
		grace := b.view(t, nil)
		grace.gets("history", 1, 2, 3, 4)
		grace.gets("sample", 5)
		grace.leave()
		time.Sleep(10 * time.Minute)
		late := b.view(t, nil)
		late.gets("history")
		late.gets("sample", 6)
		late.leave()
	})
}

// Viewers who come and go at the same moment do not make two samplers.
func TestOneSamplerAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newCounting(t)
		defer b.Close()
		for range 50 {
			v := b.view(t, nil)
			v.gets1("history")
			v.leave()
		}
		v := b.view(t, nil)
		defer v.leave()
		v.message()
		before := b.taken.Load()
		time.Sleep(10*time.Second + 500*time.Millisecond)
		if n := b.taken.Load() - before; n < 10 || n > 12 {
			t.Errorf("%d samples in 10 seconds", n)
		}
	})
}

// gets1 wants the type alone.
func (v *viewer) gets1(typ string) {
	v.t.Helper()
	if got, _ := v.message(); got != typ {
		v.t.Errorf("got a %s, want a %s", got, typ)
	}
}

// What is kept for newcomers has an end.
func TestHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newCounting(t)
		defer b.Close()
		ada := b.view(t, nil)
		defer ada.leave()
		for range 401 {
			ada.message()
		}
		bob := b.view(t, nil)
		defer bob.leave()
		typ, numbers := bob.message()
		if typ != "history" || len(numbers) < 298 || len(numbers) > 300 || numbers[len(numbers)-1] != 400 {
			t.Errorf("%s of %d samples, the last %v", typ, len(numbers), numbers[max(0, len(numbers)-1):])
		}
	})
}

// Who does not read misses samples, holds up nobody, and sees the present on
// coming back to it.
func TestASlowViewerLosesOldSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newCounting(t)
		defer b.Close()
		fast := b.view(t, nil)
		defer fast.leave()
		client, conn := websocket.Pipe(nil, &websocket.Options{WriteTimeout: time.Hour, PingInterval: -1})
		ended := make(chan error, 1)
		go func() { ended <- b.Watch(context.Background(), conn) }() // received below
		slow := &viewer{t, client, ended}
		slow.gets1("history")
		// The client reads ahead for a while, and then no more.
		const most = 4000
		for range most {
			fast.message()
		}
		if queued := conn.Stats().Queued; queued > 16<<10 {
			t.Errorf("%d bytes wait for the slow viewer", queued)
		}
		_, before := slow.message()
		missed, seen := int64(0), 0
		for {
			_, n := slow.message()
			missed += n[0] - before[0] - 1
			if before = n; n[0] >= most {
				break
			}
			seen++
		}
		if missed == 0 || seen >= most {
			t.Errorf("of %d samples the slow viewer missed %d and saw %d", most, missed, seen)
		}
		slow.leave()
		conn.CloseNow()
	})
}

func TestTheBoardCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newCounting(t)
		v := b.view(t, nil)
		v.gets1("history")
		closed := make(chan struct{})
		go func() { b.Close(); close(closed) }()
		var err error
		for err == nil {
			_, _, err = v.Read(t.Context())
		}
		if websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Error(err)
		}
		<-closed
		<-v.ended
		late := b.view(t, nil)
		if err := <-late.ended; err != nil {
			t.Error(err)
		}
		late.CloseNow()
	})
}

// The endpoint speaks its subprotocol to who offers it, and to who does not.
func TestHandler(t *testing.T) {
	b, err := dashboard.New("one \"of\" two", metrics.NewSampler(metrics.NewMeter(), time.Now()).Take, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(b.Handler(websocket.AcceptOptions{}))
	defer srv.Close()
	defer b.Close()
	for _, offered := range [][]string{nil, {dashboard.Subprotocol}, {"other"}} {
		c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), &websocket.DialOptions{
			Subprotocols: offered, Options: websocket.Options{Deflate: websocket.Deflate{Enabled: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if len(offered) > 0 && offered[0] == dashboard.Subprotocol {
			want = offered[0]
		}
		if c.Subprotocol() != want || !c.Compressed() {
			t.Errorf("offered %q: %q, compressed %v", offered, c.Subprotocol(), c.Compressed())
		}
		v := &viewer{t, c, nil}
		v.gets1("history")
		v.gets1("sample")
		if err := c.Close(t.Context(), websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
}
