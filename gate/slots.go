package gate

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// slots counts the connections that are, or are about to be, upgraded. The zero
// value is ready.
type slots struct {
	mu  sync.Mutex // guards what is below
	all int
	of  map[netip.Addr]int // those of one client, where that is bounded; none is 0
}

// tryLater is what a client is told to wait for a slot. It is a guess: nobody
// knows when a connection will end.
const tryLater = 10 * time.Second

// takeSlot is given back by [Pass.Release].
func (g *Gate) takeSlot(p *Pass, exempt bool) *Rejection {
	if g == nil || g.MaxConnections <= 0 && g.MaxConnectionsPerClient <= 0 {
		return nil
	}
	s, key := &g.slots, bucketKey(p.Client)
	counted := g.MaxConnectionsPerClient > 0 && !exempt
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.MaxConnections > 0 && s.all >= g.MaxConnections {
		return &Rejection{
			Status: http.StatusServiceUnavailable,
			Header: retryAfter(tryLater),
			Text:   "The server has all the connections that it takes, try later",
			Err:    gateError(ErrFull, "client %s: there are %d connections: raise MaxConnections to take more", p.Client, s.all),
		}
	}
	if counted && s.of[key] >= g.MaxConnectionsPerClient {
		return &Rejection{
			Status: http.StatusTooManyRequests,
			Header: retryAfter(tryLater),
			Text:   "Too many connections from your address, close one first",
			Err:    gateError(ErrFull, "client %s has %d connections: raise MaxConnectionsPerClient to take more, or add its proxy to TrustedProxies if it is one", p.Client, s.of[key]),
		}
	}
	s.all++
	if counted {
		if s.of == nil {
			s.of = make(map[netip.Addr]int)
		}
		s.of[key]++
	}
	p.slot, p.counted = true, counted
	return nil
}

// give gives p's slot back.
func (s *slots) give(p *Pass) {
	if !p.slot {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if !p.counted {
		return
	}
	key := bucketKey(p.Client)
	if s.of[key]--; s.of[key] == 0 {
		delete(s.of, key)
	}
}
