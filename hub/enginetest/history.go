package enginetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/wye-org/wye/hub"
)

func oneOrder(tr *trial) {
	nodes := []*node{tr.node("a"), tr.node("b"), tr.node("c")}
	ch := in(&logs, "x")
	const each = 50
	for _, n := range nodes {
		n.subscribe(ch)
	}
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { // ends when all is published; waited for below
			for j := range each {
				m := &hub.Message{Channel: ch.Name, Data: fmt.Appendf(nil, "%d-%d", i, j)}
				if _, err := n.Publish(tr.t.Context(), ch, m, ""); err != nil {
					tr.errorf("Publish: %v", err)
				}
			}
		})
	}
	wg.Wait()
	total := each * len(nodes)
	want := texts(nodes[0].read(ch, hub.Query{Limit: -1}).Messages)
	if len(want) != total {
		tr.fatalf("of %d messages %d are stored", total, len(want))
	}
	for _, n := range nodes {
		n.hears(ch, want...)
		prev, epoch := uint64(0), n.top(ch).Epoch
		next := map[string]int{}
		for _, m := range n.heard(ch) {
			if m.Offset <= prev || m.Prev != prev || m.Epoch != epoch || epoch == "" {
				tr.fatalf("%s: message %s at %q %d after %d follows one at %q %d", n.name, m.Data, m.Epoch, m.Offset, m.Prev, epoch, prev)
			}
			prev = m.Offset
			var who string
			var i int
			if fmt.Sscanf(string(m.Data), "%1s-%d", &who, &i); i != next[who] {
				tr.fatalf("%s: node %s's message %d came when %d was due", n.name, who, i, next[who])
			}
			next[who]++
		}
	}
}

func stored(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	ch := in(&logs, "x")
	b.subscribe(ch)
	for i := range 20 {
		r := a.say(ch, fmt.Sprint(i))
		page := b.read(ch, hub.Query{Limit: 1, Reverse: true})
		if len(page.Messages) != 1 || string(page.Messages[0].Data) != fmt.Sprint(i) {
			tr.fatalf("after the acknowledgement of %d the newest is %q", i, texts(page.Messages))
		}
		if r.Duplicate || r.Offset == 0 || page.Messages[0].Position != r.Position || page.Top != r.Position {
			tr.fatalf("message %d: receipt %+v, read at %+v, top %+v", i, r, page.Messages[0].Position, page.Top)
		}
	}
	b.hears(ch, numbers(0, 20)...)
	all := a.read(ch, hub.Query{Limit: -1}).Messages
	for i, m := range b.heard(ch) {
		if i < len(all) && all[i].Position != m.Position {
			tr.fatalf("message %d was handed over at %+v and is read at %+v", i, m.Position, all[i].Position)
		}
	}
}

func pages(tr *trial) {
	a := tr.node("a")
	ch := in(&logs, "x")
	a.subscribe(ch)
	if page := a.read(ch, hub.Query{Limit: -1}); len(page.Messages) != 0 || page.Top.Offset != 0 || page.Top.Epoch == "" {
		tr.errorf("the history of a channel that was just subscribed is %q up to %+v", texts(page.Messages), page.Top)
	}
	r := a.count(ch, 0, 10)
	since := func(i int) *hub.Position { return &r[i].Position }
	for _, x := range []struct {
		what     string
		q        hub.Query
		complete bool
		want     []string
	}{
		{"all", hub.Query{Limit: -1}, false, numbers(0, 10)},
		{"none", hub.Query{}, false, nil},
		{"the first", hub.Query{Limit: 3}, false, numbers(0, 3)},
		{"the last", hub.Query{Limit: 3, Reverse: true}, false, []string{"9", "8", "7"}},
		{"more than there are", hub.Query{Limit: 100}, false, numbers(0, 10)},
		{"since the third", hub.Query{Since: since(2), Limit: -1}, true, numbers(3, 10)},
		{"since the third, as many as there are", hub.Query{Since: since(2), Limit: 7}, true, numbers(3, 10)},
		{"since the third, cut off", hub.Query{Since: since(2), Limit: 6}, false, numbers(3, 9)},
		{"since the third, none", hub.Query{Since: since(2)}, false, nil},
		{"since the last", hub.Query{Since: since(9), Limit: -1}, true, nil},
		{"since the last, none", hub.Query{Since: since(9)}, true, nil},
		{"before the third", hub.Query{Since: since(2), Limit: -1, Reverse: true}, false, []string{"1", "0"}},
		{"before the third, one", hub.Query{Since: since(2), Limit: 1, Reverse: true}, false, []string{"1"}},
	} {
		a.finds(x.what, ch, x.q, x.complete, x.want...)
		if top := a.read(ch, x.q).Top; top != r[9].Position {
			tr.errorf("%s: the top is %+v, want %+v", x.what, top, r[9].Position)
		}
	}
}

func recovery(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	ch := in(&logs, "x")
	a.subscribe(ch)
	begin := a.top(ch)
	r := a.count(ch, 0, 50)
	a.count(in(&logs, "y"), 100, 120) // offsets need not be dense, but are of one channel
	r = append(r, b.count(ch, 50, 60)...)
	b.finds("since the beginning", ch, hub.Query{Since: &begin, Limit: -1}, true, numbers(0, 60)...)
	for i := range r {
		b.finds(fmt.Sprint("since ", i), ch, hub.Query{Since: &r[i].Position, Limit: -1}, true, numbers(i+1, 60)...)
	}
	future := r[59].Position
	future.Offset += 1000
	b.finds("since what was never published", ch, hub.Query{Since: &future, Limit: -1}, false)
}

func overflow(tr *trial) {
	a := tr.node("a")
	ch := in(&small, "x")
	a.subscribe(ch)
	begin := a.top(ch)
	r := a.count(ch, 0, 5)
	a.finds("the full history", ch, hub.Query{Since: &begin, Limit: -1}, true, numbers(0, 5)...)
	r = append(r, a.count(ch, 5, 12)...)
	a.finds("what is left", ch, hub.Query{Limit: -1}, false, numbers(7, 12)...)
	for i := range r {
		page := a.read(ch, hub.Query{Since: &r[i].Position, Limit: -1})
		if complete := i >= 6; page.Complete != complete {
			tr.errorf("since %d of 12, of which 5 are kept: complete is %v", i, page.Complete)
		} else if complete && listed(texts(page.Messages)) != listed(numbers(i+1, 12)) {
			tr.errorf("since %d: got %q", i, texts(page.Messages))
		}
	}
}

func ttl(tr *trial) {
	a := tr.node("a")
	ch := in(&brief, "x")
	a.subscribe(ch) // so that the channel is not given up
	r := a.count(ch, 0, 3)
	time.Sleep(briefTTL * 3 / 4)
	r = append(r, a.count(ch, 3, 6)...)
	a.finds("while all are young", ch, hub.Query{Since: &r[0].Position, Limit: -1}, true, numbers(1, 6)...)
	tr.await("the first three have grown old", func() bool { return len(a.read(ch, hub.Query{Limit: -1}).Messages) <= 3 })
	a.finds("the young ones", ch, hub.Query{Limit: -1}, false, numbers(3, 6)...)
	a.finds("since one that is old", ch, hub.Query{Since: &r[3].Position, Limit: -1}, true, numbers(4, 6)...)
	if page := a.read(ch, hub.Query{Since: &r[0].Position, Limit: -1}); page.Complete {
		tr.errorf("two messages are too old, and since the one before the answer is complete: %q", texts(page.Messages))
	}
	time.Sleep(briefTTL * 2)
	a.finds("when all are old", ch, hub.Query{Limit: -1}, false)
	if page := a.read(ch, hub.Query{Since: &r[3].Position, Limit: -1}); page.Complete {
		tr.errorf("all messages are too old, and since the fourth of six the answer is complete")
	}
	next := a.say(ch, "6")
	if next.Epoch == r[5].Epoch && next.Offset <= r[5].Offset {
		tr.errorf("after all have grown old the next stands at %+v, the one before at %+v", next.Position, r[5].Position)
	}
}

func otherEpoch(tr *trial) {
	a := tr.node("a")
	ch := in(&logs, "x")
	a.subscribe(ch)
	r := a.count(ch, 0, 10)
	for _, epoch := range []string{"", "another", r[3].Epoch + " "} {
		page := a.read(ch, hub.Query{Since: &hub.Position{Epoch: epoch, Offset: r[3].Offset}, Limit: -1})
		if page.Complete {
			tr.errorf("since the same offset of epoch %q: complete, with %q", epoch, texts(page.Messages))
		}
	}
}

func forget(tr *trial) {
	if tr.subject.Forget == nil {
		tr.skip("there is no way to have the engine forget")
	}
	a := tr.node("a")
	ch := in(&logs, "x")
	a.subscribe(ch)
	begin := a.top(ch)
	r := a.count(ch, 0, 10)
	tr.subject.Forget(tr.engine)
	for _, since := range []hub.Position{begin, r[0].Position, r[9].Position} {
		if page := a.read(ch, hub.Query{Since: &since, Limit: -1}); page.Complete || len(page.Messages) > 0 {
			tr.errorf("all is lost, and since %+v there is %q, complete %v", since, texts(page.Messages), page.Complete)
		}
	}
	if top := a.top(ch); top.Epoch == r[0].Epoch {
		tr.errorf("the epoch is still %q", top.Epoch)
	}
	again := a.count(ch, 10, 25)
	if again[0].Epoch == r[0].Epoch || again[14].Epoch != again[0].Epoch {
		tr.errorf("the epoch was %q, and then %q and %q", r[0].Epoch, again[0].Epoch, again[14].Epoch)
	}
	// The new history is longer than the old one was: no offset may pass for one
	// of it.
	if page := a.read(ch, hub.Query{Since: &r[5].Position, Limit: -1}); page.Complete {
		tr.errorf("since a position of the lost history: complete, with %q", texts(page.Messages))
	}
	a.finds("the new history", ch, hub.Query{Since: &again[0].Position, Limit: -1}, true, numbers(11, 25)...)
	if got := a.heard(ch); len(got) != 25 || got[10].Epoch != again[0].Epoch {
		tr.errorf("%d messages were handed over, want 25", len(got))
	}
}

func idempotency(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	ch, other := in(&logs, "x"), in(&logs, "y")
	a.subscribe(ch)
	first := a.sayOnce(ch, "1", "k")
	for _, n := range []*node{a, b} {
		again := n.sayOnce(ch, "2", "k")
		if !again.Duplicate || again.Position != first.Position || first.Duplicate {
			tr.errorf("the first receipt is %+v, that of the same key %+v", first, again)
		}
	}
	if r := a.sayOnce(ch, "3", "K"); r.Duplicate {
		tr.errorf("another key is taken for a duplicate")
	}
	if r := b.sayOnce(other, "4", "k"); r.Duplicate {
		tr.errorf("the same key in another channel is taken for a duplicate")
	}
	a.sayOnce(ch, "5", "")
	a.sayOnce(ch, "6", "")
	a.hears(ch, "1", "3", "5", "6")
	a.finds("what is stored", ch, hub.Query{Limit: -1}, false, "1", "3", "5", "6")
	a.finds("what is stored in the other", other, hub.Query{Limit: -1}, false, "4")
}

func idempotencyRace(tr *trial) {
	nodes := []*node{tr.node("a"), tr.node("b")}
	ch := in(&logs, "x")
	nodes[0].subscribe(ch)
	const rounds, tries = 20, 8
	for round := range rounds {
		var wg sync.WaitGroup
		receipts := make([]hub.Receipt, tries)
		for i := range tries {
			wg.Go(func() { // ends when it is published; waited for below
				m := &hub.Message{Channel: ch.Name, Data: fmt.Append(nil, round)}
				var err error
				if receipts[i], err = nodes[i%2].Publish(tr.t.Context(), ch, m, fmt.Sprint("key ", round)); err != nil {
					tr.errorf("Publish: %v", err)
				}
			})
		}
		wg.Wait()
		firsts := 0
		for _, r := range receipts {
			if !r.Duplicate {
				firsts++
			}
			if r.Position != receipts[0].Position {
				tr.errorf("one key has two positions: %+v and %+v", r, receipts[0])
			}
		}
		if firsts != 1 {
			tr.errorf("%d of %d publications with one key were the first", firsts, tries)
		}
	}
	nodes[0].hears(ch, numbers(0, rounds)...)
}

func idempotencyWindow(tr *trial) {
	if !tr.subject.Bubble {
		tr.skip("it takes two minutes")
	}
	a := tr.node("a")
	ch := in(&logs, "x")
	a.sayOnce(ch, "1", "k")
	time.Sleep(hub.IdempotencyWindow - time.Second)
	if r := a.sayOnce(ch, "2", "k"); !r.Duplicate {
		tr.errorf("the key is forgotten a second before its time")
	}
	time.Sleep(2 * time.Second)
	if r := a.sayOnce(ch, "3", "k"); r.Duplicate {
		tr.errorf("the key is remembered a second after its time")
	}
	a.finds("what is stored", ch, hub.Query{Limit: -1}, false, "1", "3")
	// The history outlives its keys, and keys that of which they are.
	ch = in(&brief, "x")
	a.sayOnce(ch, "1", "k")
	time.Sleep(briefTTL * 2)
	if r := a.sayOnce(ch, "2", "k"); !r.Duplicate {
		tr.errorf("the key is forgotten with the message")
	}
}
