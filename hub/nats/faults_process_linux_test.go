package nats_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/wye-org/wye/hub"
)

// storm publishes from two hubs of three while fault happens.
func storm(t *testing.T, messages int, pace time.Duration, fault func(p *processes)) {
	p := startProcesses(t, 3)
	var hubs []*hub.Hub
	for i := range 3 {
		hubs = append(hubs, openHub(t, p.engine(i)))
	}
	const channels = 20
	l := newLedger(t, hubs, channels)
	done := make(chan struct{})
	go func() { // ends when all is published; waited for below
		defer close(done)
		l.publish(0, messages/channels, pace)
	}()
	fault(p)
	<-done
	l.whole(messages / channels)
	l.report()
}

// wye-log-0 is one of the streams of openHub's namespace.
const aStream = "wye-log-0"

// Servers are killed one after another, first whoever leads, and come back with what
// is on their disks.
func TestRollingKill(t *testing.T) {
	t.Parallel()
	messages, kills, pace := 2_000, 1, 20*time.Millisecond
	if slow() {
		messages, kills, pace = 50_000, 4, 8*time.Millisecond
	}
	storm(t, messages, pace, func(p *processes) {
		for range kills {
			time.Sleep(500 * time.Millisecond)
			i := p.leads(aStream)
			p.kill(i)
			time.Sleep(time.Second)
			p.start(i)
			p.current(aStream)
		}
	})
}

// A leader stands still, so its connections stay; then it goes on as if nothing had
// happened.
func TestStoppedLeader(t *testing.T) {
	if !slow() {
		t.Skip("it takes half a minute: WYE_SLOW=1")
	}
	t.Parallel()
	storm(t, 10_000, 20*time.Millisecond, func(p *processes) {
		for range 2 {
			time.Sleep(500 * time.Millisecond)
			i := p.leads(aStream)
			p.signal(i, syscall.SIGSTOP)
			time.Sleep(12 * time.Second)
			p.signal(i, syscall.SIGCONT)
			p.current(aStream)
		}
	})
}
