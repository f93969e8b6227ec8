package hubws_test

import (
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

func TestOutletSendsDataAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{{Name: "a", MaySubscribe: hub.Anyone}}})
		if err != nil {
			t.Fatal(err)
		}
		client, server := websocket.Pipe(nil, nil)
		member, err := h.Connect(hubws.Outlet(server, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Join(t.Context(), "a:b", nil); err != nil {
			t.Fatal(err)
		}
		go func() { // ends with the connection
			for {
				if _, _, err := server.Read(t.Context()); err != nil {
					return
				}
			}
		}()
		h.Publish(t.Context(), "a:b", []byte("text"), nil)
		h.Publish(t.Context(), "a:b", []byte{0xff}, &hub.PublishOptions{Binary: true})
		h.Publish(t.Context(), "a:b", nil, nil)
		for _, want := range []struct {
			typ  websocket.MessageType
			data string
		}{{websocket.MessageText, "text"}, {websocket.MessageBinary, "\xff"}, {websocket.MessageText, ""}} {
			typ, p, err := client.Read(t.Context())
			if err != nil || typ != want.typ || string(p) != want.data {
				t.Errorf("got %v %q, %v, want %v %q", typ, p, err, want.typ, want.data)
			}
		}
		go h.Close() // ends when the client has answered
		if _, _, err := client.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("the hub closed and the client was told %v, want 1001", err)
		}
	})
}
