package main

import (
	"net"
	"net/http"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

func gobwasServer(mode deflate) (endpoints, error) {
	if mode == ct {
		return endpoints{}, errNoTakeover
	}
	var subs group[net.Conn]
	each := func(begin, end func(net.Conn), handle func(op ws.OpCode, p []byte) error) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, _, err := ws.UpgradeHTTP(r, w)
			if err != nil {
				return // the refusal was written
			}
			defer c.Close()
			begin(c)
			defer end(c)
			for {
				p, op, err := wsutil.ReadClientData(c)
				if err != nil || handle(op, p) != nil {
					return
				}
			}
		})
	}
	return endpoints{
		echo: gobwasEcho(mode),
		sub:  each(subs.add, subs.remove, func(ws.OpCode, []byte) error { return nil }),
		pub: each(func(net.Conn) {}, func(net.Conn) {}, func(op ws.OpCode, p []byte) error {
			m, err := ws.CompileFrame(ws.NewFrame(op, true, p))
			if err != nil {
				return err
			}
			for c := range subs.all() {
				_, _ = c.Write(m) // who is gone is removed by its own handler
			}
			return nil
		}),
	}, nil
}

// gobwasEcho uses the library's helpers, and leaves what they do not do undone:
// to write more would be to test our own code.
func gobwasEcho(mode deflate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var up ws.HTTPUpgrader
		ext := wsflate.Extension{Parameters: wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}}
		if mode == nct {
			up.Negotiate = ext.Negotiate
		}
		c, _, _, err := up.Upgrade(r, w)
		if err != nil {
			return // the refusal was written
		}
		defer c.Close()
		_, compressed := ext.Accepted()
		state := ws.StateServerSide
		control := wsutil.ControlFrameHandler(c, state)
		var message wsflate.MessageState
		rd := &wsutil.Reader{Source: c, State: state, CheckUTF8: !compressed, OnIntermediate: control, MaxFrameSize: maxMessage}
		if compressed {
			rd.State |= ws.StateExtended
			rd.Extensions = []wsutil.RecvExtension{&message}
		}
		for {
			if err := gobwasMessage(c, rd, control, &message); err != nil {
				gobwasFail(c, err)
				return
			}
		}
	})
}
