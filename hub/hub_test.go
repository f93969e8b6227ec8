package hub_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wye-org/wye/hub"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type sink struct {
	mu  sync.Mutex
	got []*hub.Message
	why error
}

func (s *sink) TrySend(b []*hub.Message) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, b...)
	return len(b), nil
}
func (s *sink) Send(_ context.Context, b []*hub.Message) (int, error) { return s.TrySend(b) }
func (s *sink) Close(why error)                                       { s.why = why }

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := hub.New(hub.Options{Namespaces: []hub.Namespace{{Name: "a", MaySubscribe: hub.Anyone, MayPublish: hub.Anyone}}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		s := new(sink)
		c, err := h.Connect(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Join(t.Context(), "a:b", nil); err != nil {
			t.Fatal(err)
		}
		c.Publish(t.Context(), "a:b", []byte("x"), nil)
		synctest.Wait()
		if len(s.got) != 1 {
			t.Fatal(s.got)
		}
	})
}
