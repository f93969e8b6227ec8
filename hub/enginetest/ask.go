package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wye-org/wye/hub"
)

// Answer implements [hub.Answerer]. What it needs its own link for comes first. It may
// be asked before Open has returned.
func (n *node) Answer(question []byte) []byte {
	<-n.linked
	if n.Link == nil {
		return nil
	}
	_, err := n.Members(n.ctx(), in(&live, "x"))
	if err != nil {
		n.errorf("%s: Members while it answers: %v", n.name, err)
	}
	n.mu.Lock()
	n.asked++
	n.mu.Unlock()
	if string(question) == "much" {
		return bytes.Repeat([]byte{'m'}, hub.MaxAnswer)
	}
	return slices.Concat([]byte(n.name+" "), question)
}

// answers are what n is answered, sorted, with all who have not.
func (n *node) answers(ctx context.Context, question string) string {
	got, silent, err := n.Link.(hub.Asker).Ask(ctx, []byte(question))
	var s []string
	for _, p := range got {
		s = append(s, string(p))
	}
	slices.Sort(s)
	if silent > 0 || err != nil {
		s = append(s, fmt.Sprintf("%d silent, %v", silent, err))
	}
	return strings.Join(s, "|")
}

// everyByte is a text of no encoding.
func everyByte() string {
	p := make([]byte, 256)
	for i := range p {
		p[i] = byte(i)
	}
	return string(p)
}

func ask(tr *trial) {
	a, b, c := tr.node("a"), tr.node("b"), tr.node("c")
	if _, ok := a.Link.(hub.Asker); !ok {
		tr.skip("nodes of this engine cannot ask each other")
	}
	tr.await("all nodes are known", func() bool { return a.answers(a.ctx(), "?") == "b ?|c ?" })
	a.mu.Lock()
	if a.asked > 0 {
		tr.errorf("a node was asked by itself")
	}
	a.mu.Unlock()

	long := strings.Repeat("q", hub.MaxQuestion)
	for _, question := range []string{"", everyByte(), long} {
		if got, want := a.answers(a.ctx(), question), "b "+question+"|c "+question; got != want {
			tr.errorf("to %.300q the answers are %.300q", question, got)
		}
	}
	if got, want := len(a.answers(a.ctx(), "much")), 2*hub.MaxAnswer+1; got != want {
		tr.errorf("two of the longest answers are %d bytes, want %d", got, want)
	}

	var all sync.WaitGroup
	for i := range 10 {
		for _, n := range []*node{a, b, c} {
			all.Go(func() { // ends with its answers
				question := fmt.Sprint(n.name, i)
				var want []string
				for _, o := range []*node{a, b, c} {
					if o != n {
						want = append(want, o.name+" "+question)
					}
				}
				if got := n.answers(n.ctx(), question); got != strings.Join(want, "|") {
					tr.errorf("to %q among others the answers are %q", question, got)
				}
			})
		}
	}
	all.Wait()

	c.Close()
	tr.await("only who is there answers", func() bool { return a.answers(a.ctx(), "?") == "b ?" })
	if kill := tr.subject.Kill; kill != nil {
		kill(b.Link)
		ctx, cancel := context.WithTimeout(a.ctx(), time.Second)
		began := time.Now()
		got := a.answers(ctx, "?")
		cancel()
		if took := time.Since(began); took > tr.patience() || got != "" && got != "1 silent, <nil>" {
			tr.errorf("with a dead node the answers are %q, after %v", got, took)
		}
	}
	if tr.subject.Cut != nil {
		mend := tr.subject.Cut(tr.engine)
		tr.await("the engine is away", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.away > 0 })
		_, _, err := a.Link.(hub.Asker).Ask(a.ctx(), []byte("?"))
		a.unavailable("Ask", err)
		mend()
	}
}
