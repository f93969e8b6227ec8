package enginetest

import (
	"bytes"
	"slices"
	"time"

	"github.com/wye-org/wye/hub"
)

func liveOrder(tr *trial) {
	a, b, c := tr.node("a"), tr.node("b"), tr.node("c")
	ch := in(&live, "x")
	a.subscribe(ch)
	b.subscribe(ch)
	c.subscribe(in(&live, "other"))
	for _, r := range a.count(ch, 0, 100) {
		if r != (hub.Receipt{}) {
			tr.fatalf("the receipt in a live channel is %+v, want the zero one", r)
		}
	}
	for _, n := range []*node{a, b} {
		n.hears(ch, numbers(0, 100)...)
	}
	if got := c.heard(ch); len(got) > 0 {
		tr.errorf("a node that has not subscribed got %q", texts(got))
	}
	for _, m := range b.heard(ch) {
		if m.Position != (hub.Position{}) || m.Prev != 0 {
			tr.fatalf("a live message stands at %+v after %d, want nowhere", m.Position, m.Prev)
		}
	}
}

func liveAlone(tr *trial) {
	a := tr.node("a")
	ch := in(&live, "x")
	a.say(ch, "to nobody")
	a.subscribe(ch)
	a.say(ch, "now")
	a.hears(ch, "now")
}

func intact(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	from := &hub.Member{ID: "i", Principal: "p", Info: []byte("info")}
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	for _, ch := range []hub.Channel{in(&live, "x"), in(&logs, "x")} {
		b.subscribe(ch)
		before := time.Now()
		m := &hub.Message{Channel: ch.Name, Data: slices.Clone(data), Binary: true, Key: "key", From: from, Others: true}
		if _, err := a.Publish(a.ctx(), ch, m, ""); err != nil {
			tr.fatalf("Publish: %v", err)
		}
		a.say(ch, "")
		b.await("two messages", func() bool { return len(b.heard(ch)) == 2 })
		got := b.heard(ch)
		if ch.Namespace.History.Size > 0 {
			got = append(got, b.read(ch, hub.Query{Limit: -1}).Messages...)
		}
		for i, m := range got {
			if m.Channel != ch.Name || m.Kind != hub.Data || m.Time.Before(before.Add(-time.Minute)) || m.Time.After(time.Now().Add(time.Minute)) {
				tr.errorf("message %d of %q came as %q, kind %d, at %v", i, ch.Name, m.Channel, m.Kind, m.Time)
			}
			switch {
			case i%2 == 1:
				if len(m.Data) != 0 || m.Binary || m.Key != "" || m.From != nil || m.Others {
					tr.errorf("the empty message came as %+v", m)
				}
			case !bytes.Equal(m.Data, data) || !m.Binary || m.Key != "key" || !m.Others:
				tr.errorf("the message came with other data or flags: %d bytes, binary %v, key %q, others %v", len(m.Data), m.Binary, m.Key, m.Others)
			case m.From == nil || m.From.ID != "i" || m.From.Principal != "p" || string(m.From.Info) != "info":
				tr.errorf("the message is from %+v", m.From)
			}
		}
	}
}

func unsubscribe(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	for _, ch := range []hub.Channel{in(&live, "x"), in(&logs, "x")} {
		a.subscribe(ch)
		b.subscribe(ch)
		a.say(ch, "1")
		a.hears(ch, "1")
		b.hears(ch, "1")
		b.Unsubscribe(ch)
		b.Unsubscribe(ch) // once too often does no harm
		b.Unsubscribe(in(&live, "never subscribed"))
		tr.quiet()
		a.say(ch, "2")
		a.hears(ch, "1", "2")
		b.hears(ch, "1")
		b.subscribe(ch)
		a.say(ch, "3")
		b.hears(ch, "1", "3")
	}
}

// Messages about who comes and goes are live even where others are stored.
func kinds(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	ch := in(&logs, "x")
	b.subscribe(ch)
	a.say(ch, "before")
	b.hears(ch, "before") // what is stored may take another way
	for _, kind := range []hub.Kind{hub.Joined, hub.Left} {
		m := &hub.Message{Channel: ch.Name, Kind: kind, From: &hub.Member{ID: "who"}}
		if r, err := a.Publish(a.ctx(), ch, m, ""); err != nil || r != (hub.Receipt{}) {
			tr.fatalf("Publish of kind %d: %+v, %v", kind, r, err)
		}
	}
	b.hears(ch, "before", "", "")
	a.say(ch, "after")
	b.hears(ch, "before", "", "", "after")
	got := b.heard(ch)
	if len(got) == 4 {
		if got[1].Kind != hub.Joined || got[2].Kind != hub.Left || got[1].From == nil || got[1].From.ID != "who" || got[1].Offset != 0 {
			tr.errorf("got %+v and %+v", got[1], got[2])
		}
		if got[3].Prev != got[0].Offset {
			tr.errorf("the message after them follows %d, want %d", got[3].Prev, got[0].Offset)
		}
	}
	b.finds("with comings and goings between", ch, hub.Query{Limit: -1}, false, "before", "after")
}

func closed(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	ch := in(&logs, "x")
	b.subscribe(ch)
	if err := b.Close(); err != nil {
		tr.errorf("Close: %v", err)
	}
	b.Close() // again does no harm
	a.say(ch, "1")
	b.hears(ch)
	_, published := b.Publish(b.ctx(), ch, &hub.Message{Channel: ch.Name}, "")
	_, read := b.Read(b.ctx(), ch, hub.Query{})
	_, members := b.Members(b.ctx(), ch)
	for what, err := range map[string]error{
		"Subscribe": b.Subscribe(b.ctx(), ch), "Publish": published, "Read": read,
		"Enter": b.Enter(b.ctx(), ch, hub.Member{ID: "x"}), "Members": members,
	} {
		if err == nil {
			tr.errorf("%s of a closed link succeeds", what)
		}
	}
	b.Unsubscribe(ch)
	a.finds("after the other link was closed", ch, hub.Query{Limit: -1}, false, "1")
}
