package main

import (
	"bytes"
	"context"
	"errors"

	"github.com/lxzan/gws"
)

// gwsConn turns the library's callbacks into reads. Its loop's goroutine ends
// with the connection.
type gwsConn struct {
	gws.BuiltinEventHandler
	c        *gws.Conn
	messages chan gwsMessage
	done     chan struct{} // closed by OnClose
}

type gwsMessage struct {
	typ int
	p   []byte
}

func dialGWS(_ context.Context, url, deflate string) (connection, error) {
	g := &gwsConn{messages: make(chan gwsMessage), done: make(chan struct{})}
	c, _, err := gws.NewClient(g, &gws.ClientOption{
		Addr: url, ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage, CheckUtf8Enabled: true,
		PermessageDeflate: gws.PermessageDeflate{
			Enabled: deflate != "none", ServerContextTakeover: deflate == "ct", ClientContextTakeover: deflate == "ct",
		},
	})
	if err != nil {
		return nil, err
	}
	g.c = c
	go c.ReadLoop()
	return g, nil
}

func (g *gwsConn) OnClose(*gws.Conn, error) { close(g.done) }

func (g *gwsConn) OnPing(c *gws.Conn, p []byte) { _ = c.WritePong(p) }

func (g *gwsConn) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	select {
	case g.messages <- gwsMessage{int(m.Opcode), bytes.Clone(m.Bytes())}:
	case <-g.done:
	}
}

func (g *gwsConn) read(ctx context.Context) (int, []byte, error) {
	select {
	case m := <-g.messages:
		return m.typ, m.p, nil
	case <-g.done:
		return 0, nil, errors.New("closed")
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
}

func (g *gwsConn) write(_ context.Context, typ int, p []byte) error {
	return g.c.WriteMessage(gws.Opcode(typ), p)
}

func (g *gwsConn) close() { _ = g.c.NetConn().Close() }
