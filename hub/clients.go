package hub

import (
	"sync"
	"sync/atomic"
	"time"
)

// clients are all those of a hub.
type clients struct {
	next   atomic.Uint32 // the share of the next client
	shards [16]clientShard
}

type clientShard struct {
	mu      sync.Mutex // guards what is below
	clients map[*Client]struct{}
	closed  bool
}

func (cs *clients) init() {
	for i := range cs.shards {
		cs.shards[i].clients = map[*Client]struct{}{}
	}
}

func (cs *clients) shard(c *Client) *clientShard { return &cs.shards[int(c.share)%len(cs.shards)] }

// add reports whether c was added: the hub is not closed.
func (cs *clients) add(c *Client) bool {
	c.share = cs.next.Add(1)
	sh := cs.shard(c)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return false
	}
	sh.clients[c] = struct{}{}
	return true
}

func (cs *clients) remove(c *Client) {
	sh := cs.shard(c)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.clients, c)
}

func (cs *clients) len() (n int) {
	for i := range cs.shards {
		sh := &cs.shards[i]
		sh.mu.Lock()
		n += len(sh.clients)
		sh.mu.Unlock()
	}
	return n
}

// close lets nobody in any more and returns who is there.
func (cs *clients) close() (all []*Client) {
	for i := range cs.shards {
		sh := &cs.shards[i]
		sh.mu.Lock()
		sh.closed = true
		for c := range sh.clients {
			all = append(all, c)
		}
		sh.mu.Unlock()
	}
	return all
}

// now is the time as the hub writes it down.
func now() time.Time { return time.Now().UTC() }
