package main

import (
	"net/http"

	"github.com/gorilla/websocket"
)

func gorillaEcho(mode deflate) (http.Handler, error) {
	if mode == ct {
		return nil, errNoTakeover
	}
	up := websocket.Upgrader{EnableCompression: mode == nct}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return // the refusal was written
		}
		defer c.Close()
		c.SetReadLimit(maxMessage)
		for {
			typ, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			if err := c.WriteMessage(typ, p); err != nil {
				return
			}
		}
	}), nil
}
