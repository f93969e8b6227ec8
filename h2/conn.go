package h2

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Sizes of RFC 9113 §6.5.2 and §6.9.1, and bounds of our own.
const (
	initialWindow = 65_535    // of a connection, and of streams unless a setting says otherwise
	maxWindow     = 1<<31 - 1 // of any
	connWindow    = 1 << 20   // that we grant the server; what comes is bounded by the streams' windows

	defaultFrame = 16 << 10 // the largest frame we take, and the server unless it says more
	maxFrame     = 64 << 10 // the largest that we send
	maxHeadList  = 16 << 10 // of a response
	maxBlock     = 64 << 10 // what the frames of one header block may take

	maxOut    = 64 << 10 // DATA that waits for the transport
	maxOwed   = 64 << 10 // beyond that, what the server makes us answer
	goodbye   = time.Second
	lastID    = 1<<31 - 1
	lingering = 5 * time.Second // how long a closed stream waits for the server's end
)

// conn is an HTTP/2 connection, RFC 9113, to one server.
type conn struct {
	t    *Transport
	site site
	nc   net.Conn
	fr   *http2.Framer // writes to out, under mu; the reader alone reads
	take *budget       // the reader's

	ready  chan struct{} // closed when the server's settings are known, or it failed
	closed chan struct{} // closed by flush, when nc is
	done   chan struct{} // closed by the reader, after that

	mu       sync.Mutex // guards the rest
	streams  map[uint32]*stream
	reserved int    // streams that may be opened
	nextID   uint32 // of the next stream
	err      error  // why it ended; nil: it lives
	leaving  bool   // GOAWAY came: no new streams
	idle     *time.Timer
	freed    bool // the pool is to be told, see unlock

	peer       settings
	sendWindow int64 // what the server takes on the connection
	received   int   // bytes that were not granted anew yet
	waiting    map[*stream]struct{}

	encoder *hpack.Encoder
	block   []byte // what encoder writes

	out, spare []byte
	inFlight   int  // of out's kind, being sent
	sending    bool // flush runs
}

// settings are the server's, as far as they concern a client. RFC 9113 §6.5.2
type settings struct {
	known         bool
	connect       bool // RFC 8441 §3
	maxStreams    uint32
	initialWindow int64
	maxFrame      int
	maxHead       int64
}

func newConn(nc net.Conn, t *Transport, at site) *conn {
	c := &conn{
		t: t, site: at, nc: nc, take: &budget{r: bufio.NewReader(nc)},
		ready: make(chan struct{}), closed: make(chan struct{}), done: make(chan struct{}),
		streams: make(map[uint32]*stream), waiting: make(map[*stream]struct{}),
		reserved: 1, nextID: 1, sendWindow: initialWindow,
		peer: settings{maxStreams: lastID, initialWindow: initialWindow, maxFrame: defaultFrame, maxHead: lastID},
	}
	c.encoder = hpack.NewEncoder((*blockWriter)(c))
	c.fr = http2.NewFramer((*outWriter)(c), c.take)
	c.fr.SetReuseFrames()
	c.fr.SetMaxReadFrameSize(defaultFrame)
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.fr.MaxHeaderListSize = maxHeadList
	return c
}

// start begins to speak, and returns when the server has said what it takes. The
// caller has a stream reserved.
func (c *conn) start(ctx context.Context) error {
	c.mu.Lock()
	c.out = append(c.out, http2.ClientPreface...)
	c.fr.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(c.t.window())},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeadList})
	c.fr.WriteWindowUpdate(0, connWindow-initialWindow)
	c.flushLocked()
	c.mu.Unlock()
	go c.read() // the conn's; ends when nc is closed, which fail sees to

	select {
	case <-c.ready:
	case <-ctx.Done():
		c.fail(http2.ErrCodeNo, context.Cause(ctx))
		c.wait()
		return fmt.Errorf("waiting for the server's SETTINGS: %w", context.Cause(ctx))
	}
	c.mu.Lock()
	err, connect := c.err, c.peer.connect
	c.mu.Unlock()
	if err == nil && !connect {
		err = ErrNoConnect
		c.fail(http2.ErrCodeNo, err)
	}
	if err != nil {
		c.wait()
	}
	return err
}

// outWriter is where the framer writes.
type outWriter conn

func (o *outWriter) Write(p []byte) (int, error) {
	o.out = append(o.out, p...)
	return len(p), nil
}

// blockWriter is where the encoder writes.
type blockWriter conn

func (b *blockWriter) Write(p []byte) (int, error) {
	b.block = append(b.block, p...)
	return len(p), nil
}

// budget bounds what one frame, with the CONTINUATIONs that belong to it, takes:
// of these there may be any number, empty ones too.
type budget struct {
	r    io.Reader
	left int
}

var errFlood = errors.New("h2: the server sends a header block without end")

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errFlood
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// reserve reports whether another stream may be opened, and has it kept free.
func (c *conn) reserve() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.leaving || c.nextID > lastID-2*uint32(c.reserved) {
		return false
	}
	open := uint32(len(c.streams) + c.reserved)
	if open >= c.peer.maxStreams || int(open) >= c.t.maxStreams() {
		return false
	}
	c.reserved++
	c.stopIdleLocked()
	return true
}

// release gives up what reserve kept free.
func (c *conn) release() {
	c.mu.Lock()
	defer c.unlock()
	c.reserved--
	c.emptiedLocked()
}

// unlock is mu.Unlock. The pool's lock comes before mu, so the pool is told
// behind it.
func (c *conn) unlock() {
	freed := c.freed
	c.freed = false
	c.mu.Unlock()
	if freed {
		c.t.freed()
	}
}

// emptiedLocked sees what is to be done when a stream has gone.
func (c *conn) emptiedLocked() {
	c.freed = true
	if len(c.streams)+c.reserved > 0 || c.err != nil {
		return
	}
	if c.leaving {
		c.failLocked(http2.ErrCodeNo, errLeft)
		return
	}
	c.stopIdleLocked()
	c.idle = time.AfterFunc(c.t.idleTimeout(), c.idled) // stopped with the conn
}

func (c *conn) stopIdleLocked() {
	if c.idle != nil {
		c.idle.Stop()
		c.idle = nil
	}
}

var (
	errIdle = errors.New("h2: the connection was idle")
	errLeft = errors.New("h2: the server said GOAWAY")
)

func (c *conn) idled() {
	c.mu.Lock()
	defer c.unlock()
	if len(c.streams)+c.reserved == 0 {
		c.failLocked(http2.ErrCodeNo, errIdle)
	}
}

func (c *conn) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// fail ends the connection: the streams fail with err, and the server is told
// code.
func (c *conn) fail(code http2.ErrCode, err error) {
	c.mu.Lock()
	defer c.unlock()
	c.failLocked(code, err)
}

// failLocked is fail. The flusher closes the transport after a last GOAWAY.
func (c *conn) failLocked(code http2.ErrCode, err error) {
	if c.err != nil {
		return
	}
	c.err = err
	c.freed = true
	c.stopIdleLocked()
	for _, s := range c.streams {
		s.endLocked(err)
	}
	if !c.peer.known {
		c.peer.known = true
		close(c.ready)
	}
	// "An endpoint that encounters a connection error SHOULD first send a
	// GOAWAY frame". RFC 9113 §5.4.1. We have looked at none of the server's
	// streams.
	c.fr.WriteGoAway(0, code, nil)
	c.nc.SetWriteDeadline(time.Now().Add(goodbye))
	c.flushLocked()
}

// wait returns when the reader and the flusher have ended, after a fail.
func (c *conn) wait() { <-c.done }

// connError is a connection error, RFC 9113 §5.4.1.
type connError struct {
	code http2.ErrCode
	why  string
}

func (e *connError) Error() string { return "h2: " + e.code.String() + ": " + e.why }

func protocolError(format string, args ...any) error {
	return &connError{http2.ErrCodeProtocol, fmt.Sprintf(format, args...)}
}
