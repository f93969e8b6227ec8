package h3_test

import (
	"context"
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h3"
	"github.com/wye-org/wye/websocket"
)

// One handler, over TCP and over UDP.
func Example_server() {
	chat := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		return c.Write(ctx, websocket.MessageText, []byte("hello over "+c.Carrier()))
	}, nil)
	srv := &http.Server{Addr: ":443", Handler: chat}
	over3 := &http3.Server{
		Addr:      ":443",
		TLSConfig: http3.ConfigureTLSConfig(new(tls.Config)), // and the certificates
		Handler:   h3.Handler(chat, srv),
	}
	go over3.ListenAndServeTLS("cert.pem", "key.pem")
	go srv.ListenAndServeTLS("cert.pem", "key.pem")

	// Later, all of it:
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h3.Shutdown(ctx, over3, srv, wye.Drain{})
}

// HTTP/3 where it is to be had, and HTTP/1.1 where not.
func Example_client() {
	ctx := context.Background()
	var over3 h3.Client
	defer over3.Wait() // for last words
	c, _, err := websocket.Dial(ctx, "wss://example.com/chat", &websocket.DialOptions{
		Carriers: []wye.Carrier{&over3, wye.HTTP1{}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	log.Print("over ", c.Carrier())
}
