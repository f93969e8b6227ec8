package main

import (
	"net/http"

	"github.com/gorilla/websocket"
)

func gorillaServer(mode deflate) (endpoints, error) {
	if mode == ct {
		return endpoints{}, errNoTakeover
	}
	up := websocket.Upgrader{EnableCompression: mode == nct}
	// each calls handle with every message of a connection.
	each := func(begin, end func(*websocket.Conn), handle func(c *websocket.Conn, typ int, p []byte) error) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				return // the refusal was written
			}
			defer c.Close()
			c.SetReadLimit(maxMessage)
			begin(c)
			defer end(c)
			for {
				typ, p, err := c.ReadMessage()
				if err != nil {
					return
				}
				if err := handle(c, typ, p); err != nil {
					return
				}
			}
		})
	}
	none := func(*websocket.Conn) {}
	var subs group[*websocket.Conn]
	return endpoints{
		echo: each(none, none, (*websocket.Conn).WriteMessage),
		sub:  each(subs.add, subs.remove, func(*websocket.Conn, int, []byte) error { return nil }),
		pub: each(none, none, func(_ *websocket.Conn, typ int, p []byte) error {
			m, err := websocket.NewPreparedMessage(typ, p)
			if err != nil {
				return err
			}
			for c := range subs.all() {
				_ = c.WritePreparedMessage(m) // who is gone is removed by its own handler
			}
			return nil
		}),
	}, nil
}
