package server_test

import (
	"log"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	wyejwt "github.com/wye-org/wye/hub/server/jwt"
)

func Example() {
	h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{
		{Name: "demo", MaySubscribe: hub.Anyone, MayPublish: hub.Anyone},
		{
			Name:         "room",
			History:      hub.History{Size: 100, TTL: time.Hour},
			Presence:     hub.Presence{TTL: time.Minute, Announce: true},
			MaySubscribe: hub.Anyone,
			MayPublish:   hub.Anyone,
		},
		{Name: "private", History: hub.History{Size: 100, TTL: time.Hour}}, // by subscription tokens alone
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	keys, err := wyejwt.ReadFile("jwt.pem", "")
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := wyejwt.New(wyejwt.Options{Keys: keys, Audience: "wye"})
	if err != nil {
		log.Fatal(err)
	}
	opts := server.Options{Hub: h, Tokens: tokens, Open: []string{"demo"}}
	opts.WebSocket.Gate = &gate.Gate{Origins: []string{"https://app.example.com"}, MaxConnections: 20_000}
	s, err := server.New(opts)
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/connection/websocket", s.WebSocket())
	http.Handle("/sse/{channel}", s.Events())
	log.Fatal(http.ListenAndServe("127.0.0.1:8000", nil))
}

func Example_token() {
	// In the program that knows its users.
	key := []byte("a secret of thirty-two bytes, at least")
	sign := func(claims jwt.MapClaims) (string, error) {
		claims["aud"], claims["exp"] = "wye", time.Now().Add(10*time.Minute).Unix()
		return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
	}
	connection, err := sign(jwt.MapClaims{"sub": "ann", "namespaces": []string{"room"}})
	if err != nil {
		log.Fatal(err)
	}
	subscription, err := sign(jwt.MapClaims{"sub": "ann", "channel": "private:ann"})
	if err != nil {
		log.Fatal(err)
	}
	log.Print(connection, subscription)
}
