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

func gwsEcho(mode deflate) (http.Handler, error) {
	up := gws.NewUpgrader(gwsHandler{}, &gws.ServerOption{
		ReadMaxPayloadSize: maxMessage, WriteMaxPayloadSize: maxMessage, CheckUtf8Enabled: true,
		PermessageDeflate: gws.PermessageDeflate{
			Enabled: mode != none, ServerContextTakeover: mode == ct, ClientContextTakeover: mode == ct,
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return // the refusal was written
		}
		c.ReadLoop()
	}), nil
}
