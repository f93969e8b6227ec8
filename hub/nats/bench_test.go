package nats_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/nats"
)

// BenchmarkPublishToDeliver measures how long a message of 128 bytes takes from a
// node that publishes to another that is handed it, one at a time, and how many a
// second there are with 64 at a time. The peer is nats.go alone: a publication and a
// subscription on the same servers, in the same run.
//
//	go test -run '^$' -bench PublishToDeliver -benchtime 2000x .
func BenchmarkPublishToDeliver(b *testing.B) {
	for _, mode := range []struct {
		name    string
		servers int
		live    bool
		memory  bool
	}{
		{"core/1server", 1, true, false},
		{"core/3servers", 3, true, false},
		{"R1memory", 1, false, true},
		{"R1file", 1, false, false},
		{"R3memory", 3, false, true},
		{"R3file", 3, false, false},
	} {
		b.Run(mode.name, func(b *testing.B) {
			s := startServers(b, mode.servers, nil)
			e := s.engine(b, func(o *nats.Options) { o.Memory = mode.memory })
			ns := hub.Namespace{Name: "log", History: hub.History{Size: 100, TTL: time.Minute}}
			if mode.live {
				ns.History = hub.History{}
			}
			b.Run("hub", func(b *testing.B) { benchHub(b, e, ns) })
			if mode.live {
				b.Run("peer", func(b *testing.B) { benchPeer(b, e) })
			}
		})
	}
}

// clock takes the time that messages were under way.
type clock struct {
	deaf
	took chan time.Duration
	n    atomic.Int64
}

func (c *clock) Receive(m *hub.Message) { c.take(m.Data) }

func (c *clock) take(data []byte) {
	c.n.Add(1)
	if sent := int64(binary.BigEndian.Uint64(data)); sent != 0 {
		c.took <- time.Duration(time.Now().UnixNano() - sent)
	}
}

func stamp(t int64) []byte {
	p := make([]byte, 128)
	binary.BigEndian.PutUint64(p, uint64(t))
	return p
}

func benchHub(b *testing.B, e hub.Engine, ns hub.Namespace) {
	c := &clock{took: make(chan time.Duration, 1)}
	from, err := e.Open(deaf{}, []hub.Namespace{ns})
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	to, err := e.Open(c, []hub.Namespace{ns})
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	ch := hub.Channel{Name: "log:x", Namespace: &ns}
	if err := to.Subscribe(b.Context(), ch); err != nil {
		b.Fatal(err)
	}
	measure(b, c, func(p []byte) {
		if _, err := from.Publish(b.Context(), ch, &hub.Message{Channel: ch.Name, Data: p}, ""); err != nil {
			b.Error(err)
		}
	})
}

func benchPeer(b *testing.B, e *engine) {
	c := &clock{took: make(chan time.Duration, 1)}
	var conns [2]*natsgo.Conn
	for i := range conns {
		var err error
		if conns[i], err = natsgo.Connect("", natsgo.InProcessServer(e)); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
	}
	if _, err := conns[1].Subscribe("bench", func(m *natsgo.Msg) { c.take(m.Data) }); err != nil {
		b.Fatal(err)
	}
	conns[1].Flush()
	time.Sleep(100 * time.Millisecond) // until the other servers know
	measure(b, c, func(p []byte) {
		if err := conns[0].Publish("bench", p); err != nil {
			b.Error(err)
		}
	})
}

func measure(b *testing.B, c *clock, publish func([]byte)) {
	var all []time.Duration
	for b.Loop() {
		publish(stamp(time.Now().UnixNano()))
		all = append(all, <-c.took)
	}
	slices.Sort(all)
	at := func(p float64) float64 { return float64(all[int(float64(len(all)-1)*p)]) / 1e3 }
	b.ReportMetric(at(.5), "p50-µs")
	b.ReportMetric(at(.99), "p99-µs")
	const each, writers = 200, 64
	before := c.n.Load()
	began := time.Now()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() { // ends when it has published
			for range each {
				publish(stamp(0))
			}
		})
	}
	wg.Wait()
	for end := time.Now().Add(10 * time.Second); c.n.Load()-before < each*writers && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(c.n.Load()-before)/time.Since(began).Seconds(), "delivered/s")
	b.ReportMetric(0, "ns/op")
}
