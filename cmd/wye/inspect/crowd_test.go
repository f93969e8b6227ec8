package inspect_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/inspect"
	"github.com/wye-org/wye/cmd/wye/metrics"
)

// crowd is a registry of n connections that carry nothing.
func crowd(n int) (reg *inspect.Registry, leave func()) {
	reg = inspect.NewRegistry(metrics.NewMeter(), nil)
	dones := make([]func(), n)
	for i := range n {
		r := httptest.NewRequest("GET", fmt.Sprintf("/ws/room%%20%d", i), nil)
		r.RemoteAddr = fmt.Sprintf("203.0.113.%d:%d", i%250, 1024+i)
		_, dones[i] = reg.Track(wye.Detach(context.Background(), r, wye.Token{Name: "example", Version: "1"}), nothing{})
	}
	return reg, func() {
		for _, done := range dones {
			done()
		}
	}
}

// nothing is a connection that nobody uses.
type nothing struct{ wye.Conn }

func BenchmarkListOf20000(b *testing.B) {
	reg, leave := crowd(20_000)
	defer leave()
	for _, q := range []inspect.Query{{}, {Search: "room 19"}, {Sort: "-received"}} {
		b.Run(fmt.Sprintf("%q%s", q.Search, q.Sort), func(b *testing.B) {
			for b.Loop() {
				reg.List(q)
			}
		})
	}
}
