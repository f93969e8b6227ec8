package websocket

import (
	"net"
	"time"
)

// Pipe returns the two ends of a connection in memory, for tests of code that
// uses a [Conn]: no sockets, no handshake, and under testing/synctest no waiting
// for real time. Each end behaves as any other, with opts of its own; nil is the
// default. Each direction buffers 64 KiB, as a kernel would.
func Pipe(client, server *Options) (c, s *Conn) {
	if client == nil {
		client = new(Options)
	}
	if server == nil {
		server = new(Options)
	}
	up, down := newStream(), newStream()
	c = newConn(&pipeConn{in: down, out: up}, client, true)
	s = newConn(&pipeConn{in: up, out: down}, server, false)
	return c.start(), s.start()
}

// pipeConn is one end of a connection in memory.
type pipeConn struct{ in, out *stream }

func (p *pipeConn) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipeConn) Write(b []byte) (int, error) { return p.out.write(b) }

func (p *pipeConn) Close() error {
	p.in.abandon()
	p.out.end()
	return nil
}

func (p *pipeConn) CloseWrite() error {
	p.out.end()
	return nil
}

func (p *pipeConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (p *pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }

func (p *pipeConn) SetDeadline(t time.Time) error {
	p.in.reader.set(t)
	p.out.writer.set(t)
	return nil
}
func (p *pipeConn) SetReadDeadline(t time.Time) error  { p.in.reader.set(t); return nil }
func (p *pipeConn) SetWriteDeadline(t time.Time) error { p.out.writer.set(t); return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
