package natstest_test

import (
	"testing"

	"github.com/wye-org/wye/hub/nats/natstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStopAndStart(t *testing.T) {
	s := natstest.Start(t, 1, nil)
	was := s.Server(0)
	if err := s.StartAll(); err != nil || was == nil || s.Server(0) != was {
		t.Errorf("a server that is up was started again: %v", err)
	}
	s.StopAll()
	if s.Server(0) != nil {
		t.Error("a server that was stopped is up")
	}
	if c, err := was.InProcessConn(); err == nil {
		c.Close()
		t.Error("a server that was stopped takes connections")
	}
	if err := s.StartAll(); err != nil || s.Server(0) == nil {
		t.Errorf("a server that was stopped is not started: %v", err)
	}
}
