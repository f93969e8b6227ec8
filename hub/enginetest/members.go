package enginetest

import (
	"slices"
	"strings"
	"time"

	"github.com/wye-org/wye/hub"
)

// ids are those of the members of ch, sorted.
func (n *node) ids(ch hub.Channel) string {
	members, err := n.Members(n.ctx(), ch)
	if err != nil {
		n.fatalf("%s: Members(%q): %v", n.name, ch.Name, err)
	}
	var ids []string
	for _, m := range members {
		if m.Principal != "p-"+m.ID || string(m.Info) != "i-"+m.ID {
			n.errorf("member %q is listed as %+v", m.ID, m)
		}
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// lists waits until the members of ch are these.
func (n *node) lists(ch hub.Channel, want string) {
	n.await(n.name+" lists "+want, func() bool { return n.ids(ch) == want })
}

func presence(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	for _, ch := range []hub.Channel{in(&live, "x"), in(&logs, "x")} {
		a.subscribe(ch)
		b.subscribe(ch)
		if ids := a.ids(ch); ids != "" {
			tr.errorf("nobody has entered, and there is %q", ids)
		}
		a.enter(ch, "1")
		a.enter(ch, "2")
		b.enter(ch, "3")
		b.enter(in(&live, "y"), "4")
		a.lists(ch, "1 2 3")
		b.lists(ch, "1 2 3")
		a.enter(ch, "1") // again changes nothing
		a.lists(ch, "1 2 3")
		a.exit(ch, "2")
		a.exit(ch, "2")
		a.exit(ch, "nobody")
		for _, n := range []*node{a, b} {
			n.lists(ch, "1 3")
		}
		b.lists(in(&live, "y"), "4")
		a.exit(ch, "1")
		b.exit(ch, "3")
		b.lists(ch, "")
	}
}

func lease(tr *trial) {
	if tr.subject.Kill == nil {
		tr.skip("there is no way to kill a link")
	}
	a, b := tr.node("a"), tr.node("b")
	ch := in(&live, "x")
	a.subscribe(ch)
	b.subscribe(ch)
	a.enter(ch, "1")
	b.enter(ch, "2")
	long := leaseTTL * 3 / 2
	if tr.subject.Bubble {
		long = 3 * leaseTTL
	}
	time.Sleep(long)
	if ids := a.ids(ch); ids != "1 2" {
		tr.errorf("after %v, of two nodes that live, %q is listed", long, ids)
	}
	tr.subject.Kill(b.Link)
	time.Sleep(leaseTTL + leaseTTL/2)
	if ids := a.ids(ch); ids != "1" {
		tr.errorf("half a TTL after the lease of a dead node has run out %q is listed, want 1", ids)
	}
	time.Sleep(long)
	if ids := a.ids(ch); ids != "1" {
		tr.errorf("long after the death of another node %q is listed, want 1", ids)
	}
}

func goodbye(tr *trial) {
	a, b := tr.node("a"), tr.node("b")
	ch := in(&live, "x")
	a.subscribe(ch)
	b.subscribe(ch)
	a.enter(ch, "1")
	b.enter(ch, "2")
	b.Close()
	tr.quiet()
	if ids := a.ids(ch); ids != "1" {
		tr.errorf("a node has left, and %q is listed, want 1", ids)
	}
}

// names are channels that an engine could take for one another, or for
// patterns.
func names(tr *trial) {
	hostile := []string{
		"a", "A", "a.b", "a/b", "a b", "a_b", "a:b", "a%20b", "a%2Eb", "a.b.c", "a..b", ".a", "a.", ".", "..",
		"*", "a.*", "a.>", ">", "?", "[a]", "$SYS.a", "_INBOX.a", "#", "+", "a/#", "\\", "\"", "'", "`", "{a}", "a,b", "a;b", "a|b", "a=b",
		" ", "  ", " a", "a ", "é", "e\u0301", "日本語", "\u202e", "\ufeffa", "%", "%00", "a\u00a0b", "\U0001F600",
		strings.Repeat("x", 249), strings.Repeat("x", 250), strings.Repeat("é", 125),
	}
	a, b := tr.node("a"), tr.node("b")
	channels := make([]hub.Channel, 0, 2*len(hostile))
	for _, name := range hostile {
		channels = append(channels, in(&live, name), in(&logs, name))
	}
	for _, ch := range channels {
		b.subscribe(ch)
		b.enter(ch, ch.Name)
	}
	for _, ch := range channels {
		a.sayOnce(ch, ch.Name, idempotent(ch))
	}
	tr.await("each channel's message", func() bool {
		for _, ch := range channels {
			if len(b.heard(ch)) == 0 {
				return false
			}
		}
		return true
	})
	tr.quiet()
	for _, ch := range channels {
		if got := texts(b.heard(ch)); len(got) != 1 || got[0] != ch.Name {
			tr.errorf("channel %.40q got %.200q", ch.Name, got)
		}
		if ch.Namespace == &logs {
			if got := texts(a.read(ch, hub.Query{Limit: -1}).Messages); len(got) != 1 || got[0] != ch.Name {
				tr.errorf("channel %.40q has stored %.200q", ch.Name, got)
			}
		}
		if ids := a.ids(ch); ids != ch.Name {
			tr.errorf("channel %.40q has the members %.200q", ch.Name, ids)
		}
	}
}

// idempotent is a key that is the same for all channels with history.
func idempotent(ch hub.Channel) string {
	if ch.Namespace.History.Size > 0 {
		return "one key"
	}
	return ""
}
