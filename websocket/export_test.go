package websocket

import "github.com/wye-org/wye"

// Over returns the server's end of a connection over nc, behind the handshake.
func Over(nc wye.Conn, opt *Options) *Conn { return newConn(nc, opt, false).start() }
