package main

import (
	"net/http"

	"github.com/lxzan/gws"
)

type gwsHandler struct{ gws.BuiltinEventHandler }

func (gwsHandler) OnPing(c *gws.Conn, p []byte) { _ = c.WritePong(p) }

func (gwsHandler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}

// gwsSub is a member of the group.
type gwsSub struct {
	gws.BuiltinEventHandler
	subs *group[*gws.Conn]
}

func (s gwsSub) OnOpen(c *gws.Conn)                    { s.subs.add(c) }
func (s gwsSub) OnClose(c *gws.Conn, _ error)          { s.subs.remove(c) }
func (s gwsSub) OnMessage(_ *gws.Conn, m *gws.Message) { m.Close() }

// gwsPub is who sends to the group.
type gwsPub struct {
	gws.BuiltinEventHandler
	subs *group[*gws.Conn]
}

func (s gwsPub) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	for c := range s.subs.all() {
		_ = b.Broadcast(c) // who is gone is removed by its own handler
	}
}

func gwsServer(mode deflate) (endpoints, error) {
	with := func(h gws.Event) http.Handler {
		up := gws.NewUpgrader(h, &gws.ServerOption{
			ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage, CheckUtf8Enabled: true,
			PermessageDeflate: gws.PermessageDeflate{
				Enabled: mode != none, ServerContextTakeover: mode == ct, ClientContextTakeover: mode == ct,
				ServerMaxWindowBits: 12, ClientMaxWindowBits: 15, // as our server has it
			},
		})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := up.Upgrade(w, r)
			if err != nil {
				return // the refusal was written
			}
			c.ReadLoop()
		})
	}
	var subs group[*gws.Conn]
	return endpoints{echo: with(gwsHandler{}), sub: with(gwsSub{subs: &subs}), pub: with(gwsPub{subs: &subs})}, nil
}
