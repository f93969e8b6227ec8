package enginetest

import (
	"context"
	"time"

	"github.com/wye-org/wye/hub"
)

// fastMost is how long a call may take that fails because the engine is away.
const fastMost = 5 * time.Second

func away(tr *trial) {
	if tr.subject.Cut == nil {
		tr.skip("there is no way to cut the engine off")
	}
	a, b := tr.node("a"), tr.node("b")
	ch := in(&logs, "x")
	a.subscribe(ch)
	b.subscribe(ch)
	r := a.count(ch, 0, 5)
	a.hears(ch, numbers(0, 5)...)

	mend := tr.subject.Cut(tr.engine)
	for _, n := range []*node{a, b} {
		tr.await(n.name+" is told that the engine is away", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return n.away > 0 })
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(a.ctx(), time.Minute)
	_, err := a.Publish(ctx, ch, &hub.Message{Channel: ch.Name, Data: []byte("5")}, "k")
	a.unavailable("Publish", err)
	_, err = a.Read(ctx, ch, hub.Query{})
	a.unavailable("Read", err)
	a.unavailable("Subscribe", a.Subscribe(ctx, in(&logs, "y")))
	a.unavailable("Enter", a.Enter(ctx, ch, hub.Member{ID: "x"}))
	cancel()
	if took := time.Since(began); took > fastMost {
		tr.errorf("four calls that failed because the engine is away took %v", took)
	}
	mend()
	for _, n := range []*node{a, b} {
		tr.await(n.name+" is told that the engine is back", func() bool { n.mu.Lock(); defer n.mu.Unlock(); return n.back > 0 })
	}
	// The retry: whether the first attempt was stored or not, there is one now.
	a.sayOnce(ch, "5", "k")
	a.finds("after the retry", ch, hub.Query{Since: &r[2].Position, Limit: -1}, true, "3", "4", "5")
	b.await("the retry reaches the other node", func() bool {
		got := b.heard(ch)
		return len(got) > 0 && string(got[len(got)-1].Data) == "5"
	})
}
