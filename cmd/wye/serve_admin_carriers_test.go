package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
	"github.com/wye-org/wye/h3"
	"github.com/wye-org/wye/websocket"
)

// The admin listener knows connections and refusals of every carrier, and speaks
// TLS where the main one does.
func TestAdminOverEveryCarrier(t *testing.T) {
	server := start(t, "--tls-self-signed", "--http3", "--admin", "127.0.0.1:0", "--drain", "0s")
	server.log.until(t, "admin on https://")
	_, admin, _ := strings.Cut(server.log.String(), "admin on ")
	admin, _, _ = strings.Cut(admin, "\n")

	trusting := &tls.Config{InsecureSkipVerify: true}
	over2, over3 := new(h2.Transport), new(h3.Client)
	defer over2.Close()
	defer over3.Wait()
	for name, carrier := range map[string]wye.Carrier{"h1": wye.HTTP1{}, "h2": over2, "h3": over3} {
		dial := func(origin string) (*websocket.Conn, error) {
			c, _, err := websocket.Dial(t.Context(), server.url+"/echo", &websocket.DialOptions{
				TLSConfig: trusting, Carriers: []wye.Carrier{carrier}, Header: http.Header{"Origin": {origin}},
			})
			return c, err
		}
		c, err := dial(server.url)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer c.CloseNow()
		c.Write(t.Context(), websocket.MessageText, []byte("hello"))
		if _, p, err := c.Read(t.Context()); string(p) != "hello" {
			t.Errorf("%s: %q, %v", name, p, err)
		}
		if _, err := dial("https://evil.example"); err == nil {
			t.Errorf("%s: a page of somebody else gets in", name)
		}
	}

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting}}
	defer client.CloseIdleConnections()
	get := func(path string, into any) {
		resp, err := client.Get(admin + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || json.Unmarshal(body, into) != nil {
			t.Fatalf("%s: %s %s", path, resp.Status, body)
		}
	}
	var connections struct {
		Connections []struct{ Carrier, Token, Endpoint string }
	}
	var refusals struct {
		Refusals []struct {
			Carrier, Token, Path, Client, Reason string
			Status                               int
		}
	}
	get("/inspect/connections", &connections)
	get("/inspect/refusals", &refusals)
	var live, refused []string
	for _, c := range connections.Connections {
		live = append(live, c.Carrier+" "+c.Token+" "+c.Endpoint)
	}
	for _, r := range refusals.Refusals {
		if r.Status != 403 || r.Token != "websocket" || r.Path != "/echo" || r.Client != "127.0.0.1" || !strings.Contains(r.Reason, "evil.example") {
			t.Errorf("%+v", r)
		}
		refused = append(refused, r.Carrier)
	}
	slices.Sort(live)
	slices.Sort(refused)
	if want := []string{"h1 websocket /echo", "h2 websocket /echo", "h3 websocket /echo"}; !slices.Equal(live, want) {
		t.Errorf("live: %q", live)
	}
	if want := []string{"h1", "h2", "h3"}; !slices.Equal(refused, want) {
		t.Errorf("refused: %q", refused)
	}
}
