package websocket

import (
	"net"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// Pipe returns the two ends of a connection in memory, for tests of code that
// uses a [Conn]: no sockets, no handshake, and under testing/synctest no waiting
// for real time. Each end behaves as any other, with opts of its own; nil is the
// default. They agree on compression if both enable it. Each direction buffers 64
// KiB, as a kernel would.
func Pipe(client, server *Options) (c, s *Conn) {
	if client == nil {
		client = new(Options)
	}
	if server == nil {
		server = new(Options)
	}
	a, b := newPipe()
	c, s = newConn(a, client.settings(true)), newConn(b, server.settings(false))
	ca, sa := agree(&client.Deflate, &server.Deflate)
	c.agree(ca)
	s.agree(sa)
	return c.start(), s.start()
}

// newPipe returns the two ends of a transport in memory.
func newPipe() (a, b *pipeConn) {
	up, down := newStream(), newStream()
	return &pipeConn{in: down, out: up}, &pipeConn{in: up, out: down}
}

// agree is the negotiation of extensions between two ends that follow the rules.
func agree(client, server *Deflate) (c, s wire.Agreed) {
	offer := client.Offer()
	s, answer, err := server.Accept([]string{offer})
	if err != nil || answer == "" {
		return wire.Agreed{}, wire.Agreed{}
	}
	if c, err = client.Confirm(offer, []string{answer}); err != nil {
		s.Release()
		return wire.Agreed{}, wire.Agreed{}
	}
	return c, s
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
