package main

import (
	"context"
	"net/http"

	wyehub "github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/hubws"
	"github.com/wye-org/wye/websocket"
)

type wye struct {
	http.Handler
	hub *wyehub.Hub
}

// envelope is what the other library sends for a publication.
var envelope = hubws.NewEncoding(func(m *wyehub.Message) (websocket.MessageType, []byte) {
	return websocket.MessageText, enveloped(m)
})

func enveloped(m *wyehub.Message) []byte {
	b := make([]byte, 0, len(m.Data)+64)
	b = append(b, `{"push":{"channel":"`...)
	b = append(b, m.Channel...)
	b = append(b, `","pub":{"data":`...)
	b = append(b, m.Data...)
	return append(b, "}}}"...)
}

func newHub() (*wyehub.Hub, error) {
	return wyehub.New(wyehub.Options{
		Namespaces: []wyehub.Namespace{{Name: "bench", MaySubscribe: wyehub.Anyone}},
	})
}

func newWye() (hub, error) {
	h, err := newHub()
	if err != nil {
		return nil, err
	}
	serve := func(ctx context.Context, c *websocket.Conn) error {
		client, err := h.Connect(hubws.Outlet(c, envelope), nil)
		if err != nil {
			return err
		}
		defer client.Close()
		if _, _, err := c.Read(ctx); err != nil { // the request, which is what the other library's is
			return err
		}
		if _, err := client.Join(ctx, channel, nil); err != nil {
			return err
		}
		if err := c.Write(ctx, websocket.MessageText, []byte(joined)); err != nil {
			return err
		}
		for {
			m, err := c.ReadPooled(ctx)
			if err != nil {
				return err
			}
			m.Release()
		}
	}
	return &wye{websocket.Handler(serve, &websocket.AcceptOptions{Options: websocket.Options{PingInterval: -1}, Detach: true}), h}, nil
}

// counter is an outlet that counts.
type counter struct{}

// TrySend encodes, once for all members, as an outlet over a connection would.
func (counter) TrySend(batch []*wyehub.Message) (int, error) {
	for _, m := range batch {
		if len(m.Form(envelope, encoded).([]byte)) == 0 {
			continue
		}
		delivered.Add(1)
	}
	return len(batch), nil
}

func encoded(m *wyehub.Message) any { return enveloped(m) }

func (counter) Send(_ context.Context, batch []*wyehub.Message) (int, error) {
	return counter{}.TrySend(batch)
}

func (counter) Close(error) {}

func (w *wye) member() error {
	client, err := w.hub.Connect(counter{}, nil)
	if err != nil {
		return err
	}
	_, err = client.Join(context.Background(), channel, nil)
	return err
}

func (w *wye) publish(p []byte) error {
	_, err := w.hub.Publish(context.Background(), channel, p, nil)
	return err
}
