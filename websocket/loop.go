package websocket

import (
	"net"
	"reflect"
	"runtime"
	"sync"

	"github.com/wye-org/wye"
)

// Loop serves very many connections by callbacks, without a goroutine for each:
// see [AcceptOptions]. What comes is handed to Message; all the methods of a Conn
// but its reads work, and reads fail with [ErrCallbacks].
//
// On Linux a plain TCP connection that [Accept] got from net/http is taken over
// by one of a few event loops, and is then a small struct; the handler may return.
// TLS connections, other carriers and other systems have the same callbacks from
// a goroutine each. The goroutines and descriptors of a Loop are there as long as
// it has connections: it need not be closed. To end its connections in good
// order is the [wye.Group]'s part.
//
// The callbacks of a connection are called one after the other, never two at a
// time: Open first, Closed last. Each may be nil. A callback that panics is logged
// and its connection closed with 1011. The fields must not change once a
// connection was accepted.
//
// # Callbacks must not block
//
// One that does makes all the other connections of its event loop wait. So
// [Conn.Write] and its like never wait on such a connection, from whichever
// goroutine: without room in the queue they return [ErrQueueFull], and Drained
// is called when there is room again. [Conn.Close] does not wait either.
// [Conn.Flush] and [Conn.Ping] do: they are not for callbacks. As long as the queue
// is more than half full its connection is not read from, so one reply to each
// message always has room, if it is not much longer.
//
// For callbacks that have to block there is Blocking.
type Loop struct {
	// Open is called before anything else.
	Open func(c *Conn)

	// Message gets each message. p is borrowed until it returns, and may be
	// written to.
	Message func(c *Conn, typ MessageType, p []byte)

	// Drained is called when there is room in the queue again after a write
	// has failed with [ErrQueueFull].
	Drained func(c *Conn)

	// Closed is called when the connection has ended. c.Err() is why.
	Closed func(c *Conn)

	// Blocking says that callbacks may block: those of a connection are called
	// on a goroutine of its own, which is there while they have something to
	// do. A message is copied for it; 64 KiB of them may wait. Writes wait for
	// room then, as they do without a Loop.
	Blocking bool

	// DropRequest forgets a connection's request when Open has returned, for
	// it can be most of what an idle connection holds: [Conn.Request] returns
	// nil then.
	DropRequest bool

	// Loops is how many event loops are to be there for these connections
	// alone. 0: they share those of all Loops that say so, of which there are as
	// many as GOMAXPROCS says when the first connection comes. What a callback
	// writes to connections of its own event loop leaves at the end of the turn,
	// each connection's in one piece.
	Loops int

	own shards // if Loops says so

	mu    sync.Mutex // guards what is below
	last  *settings  // of the connection before
	local net.Addr   // of the connection before
}

// shards are event loops that share connections.
type shards struct {
	mu  sync.Mutex // guards all
	all []*shard   // nil: not made yet
}

// shared are the event loops of all Loops that want none of their own.
var shared shards

// newConn makes a server's Conn of nc, as far as start.
func (o *AcceptOptions) newConn(nc wye.Conn) *Conn {
	l, set := o.Loop, o.set
	switch {
	case set != nil:
	case l != nil:
		set = l.settings(&o.Options)
	default:
		set = o.settings(false)
	}
	if l != nil {
		if c := l.takeOver(nc, set); c != nil {
			return c
		}
	}
	c := newConn(nc, set)
	if c.calls = l; l != nil {
		c.findParking()
	}
	return c
}

// settings resolves o. Connections with the same share them, unless they have
// hooks, which cannot be compared.
func (l *Loop) settings(o *Options) *settings {
	set := o.settings(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil || !reflect.DeepEqual(l.last.Options, set.Options) {
		l.last = set
	}
	return l.last
}

// taker is what a [wye.Conn] has that can be taken over.
type taker interface {
	NetConn() net.Conn
	Take() (net.Conn, []byte, *wye.Member)
}

// takeOver takes nc from net/http and from the runtime. It returns nil, and has
// changed nothing, where that cannot be done.
func (l *Loop) takeOver(nc wye.Conn, set *settings) *Conn {
	over, ok := nc.(taker)
	if !ok || !canPoll {
		return nil
	}
	if head, ok := over.NetConn().(*headConn); ok {
		return l.takeHead(over, head, set)
	}
	tcp, ok := over.NetConn().(*net.TCPConn) // not a wrapper's, who may count on its Close
	if !ok {
		return nil
	}
	s := l.lightest()
	if !s.reserve() {
		return nil
	}
	fd, err := takeSocket(tcp)
	if err != nil {
		s.unreserve()
		return nil
	}
	_, early, member := over.Take()
	c := s.newConn(fd, set)
	c.loop, c.member, c.local = l, member, l.sameLocal(tcp.LocalAddr())
	if remote, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		c.remote = remote.AddrPort()
	}
	tcp.Close()
	member.OnAbort(c.forced)
	if len(early) > 0 {
		c.receiveEarly(early)
	}
	return c
}

// lightest returns the event loop with the fewest connections.
func (l *Loop) lightest() *shard {
	if l.Loops > 0 {
		return l.own.lightest(l.Loops)
	}
	return shared.lightest(runtime.GOMAXPROCS(0))
}

// lightest makes n event loops if there are none.
func (p *shards) lightest(n int) *shard {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = make([]*shard, n)
		for i := range p.all {
			p.all[i] = newShard()
		}
	}
	best := p.all[0]
	for _, s := range p.all[1:] {
		if s.live.Load() < best.live.Load() {
			best = s
		}
	}
	return best
}

// sameLocal returns one Addr for all connections to the same address.
func (l *Loop) sameLocal(a net.Addr) net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.local == nil || l.local.String() != a.String() {
		l.local = a
	}
	return l.local
}
