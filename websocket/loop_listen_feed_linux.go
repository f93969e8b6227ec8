package websocket

import (
	"bytes"
	"net"
	"os"
	"sync"

	"github.com/wye-org/wye/internal/handoff"
)

// feed is the listener of net/http's part.
type feed struct {
	heads *heads
	come  chan struct{} // conns has become more
	over  chan struct{} // closed by end

	mu    sync.Mutex // guards what is below
	conns []net.Conn // inboxMost at most
	err   error      // why there are no more; nil: there are
}

// Accept implements [net.Listener].
func (f *feed) Accept() (net.Conn, error) {
	for {
		f.mu.Lock()
		if f.err != nil {
			defer f.mu.Unlock()
			return nil, f.err
		}
		if len(f.conns) > 0 {
			defer f.mu.Unlock()
			c := f.conns[0]
			f.conns = f.conns[1:]
			return c, nil
		}
		f.mu.Unlock()
		select {
		case <-f.come:
		case <-f.over:
		}
	}
}

// give gives h's socket to net/http, with what was read of it.
func (f *feed) give(h *head, b []byte) {
	file := os.NewFile(uintptr(h.fd), "tcp")
	nc, err := net.FileConn(file) // has a descriptor of its own
	file.Close()
	if err != nil {
		return
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}) // as net does
	}
	if len(b) > 0 {
		nc = handoff.Replay(nc, bytes.Clone(b))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || len(f.conns) >= inboxMost {
		nc.Close()
		return
	}
	f.conns = append(f.conns, nc)
	select {
	case f.come <- struct{}{}:
	default:
	}
}

// end has Accept return err.
func (f *feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	f.err = err
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
	close(f.over)
}

// Close is called by srv.Serve.
func (f *feed) Close() error {
	f.end(net.ErrClosed)
	return f.heads.end()
}

func (f *feed) Addr() net.Addr { return f.heads.ln.Addr() }
