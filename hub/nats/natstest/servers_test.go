package natstest_test

import (
	"testing"

	natsgo "github.com/nats-io/nats.go"
	"github.com/wye-org/wye/hub/nats/natstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Servers that were stopped know, when they are started again, what they had.
func TestStoppedAndStarted(t *testing.T) {
	s := natstest.Start(t, 1, nil)
	for i := range 2 {
		nc, err := natsgo.Connect("", natsgo.InProcessServer(s.Server(0)))
		if err != nil {
			t.Fatal(err)
		}
		js, err := nc.JetStream()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := js.AddStream(&natsgo.StreamConfig{Name: "s", Subjects: []string{"s"}}); err != nil {
				t.Fatal(err)
			}
		}
		if ack, err := js.Publish("s", nil); err != nil || ack.Sequence != uint64(i+1) {
			t.Errorf("start %d: stored at %+v, %v", i+1, ack, err)
		}
		nc.Close()
		s.StopAll()
		if s.Server(0) != nil {
			t.Error("a server that was stopped is up")
		}
		if err := s.StartAll(); err != nil {
			t.Fatal(err)
		}
	}
}
