package main

import (
	"net/http"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// gobwasEcho uses the library's helpers, and leaves what they do not do undone:
// to write more would be to test our own code.
func gobwasEcho(mode deflate) (http.Handler, error) {
	if mode == ct {
		return nil, errNoTakeover
	}
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
	}), nil
}
