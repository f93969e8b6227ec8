package faulty

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Pipe is a connection in memory whose ends can be closed one side at a time,
// as TCP's can.
func Pipe() (a, b net.Conn) {
	toB, fromA := net.Pipe()
	toA, fromB := net.Pipe()
	return &half{Conn: fromB, w: toB}, &half{Conn: fromA, w: toA}
}

// half reads from one pipe and writes to another.
type half struct {
	net.Conn // what is read
	w        net.Conn
}

func (h *half) Write(p []byte) (int, error) { return h.w.Write(p) }

// SetDeadline sets both sides' deadlines.
func (h *half) SetDeadline(t time.Time) error {
	return errors.Join(h.Conn.SetDeadline(t), h.w.SetDeadline(t))
}

// SetWriteDeadline sets the writing side's deadline.
func (h *half) SetWriteDeadline(t time.Time) error { return h.w.SetWriteDeadline(t) }

func (h *half) CloseWrite() error { return h.w.Close() }

func (h *half) Close() error {
	_ = h.w.Close()
	return h.Conn.Close()
}

// Listener hands out connections in memory.
type Listener struct {
	once  sync.Once
	conns chan net.Conn
	done  chan struct{}
}

// Listen makes a Listener.
func Listen() *Listener {
	return &Listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Dial connects to whoever accepts next.
func (l *Listener) Dial() (net.Conn, error) {
	a, b := Pipe()
	select {
	case l.conns <- b:
		return a, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Accept waits for the next Dial.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is no address at all.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }
