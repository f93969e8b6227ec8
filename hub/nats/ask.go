package nats

import (
	"bytes"
	"context"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
)

// A question is the asker's ID, a zero byte, what it is about, and the rest. An
// answer is sent to the asker's reply subject, with the question's number as its
// last token, and is the node's ID, a zero byte, how it goes on, and the rest.
const (
	askSync     = 's' // do you hear me?
	askMembers  = 'm' // who is in this channel?
	askQuestion = 'q' // the hub's own

	answerPart = 'p' // more follows
	answerLast = 'l'
	answerNone = 'n' // the node does not answer such questions
)

// asked is a question of ours.
type asked struct {
	wait  map[string]bool // nodes that have not answered
	parts map[string][][]byte
	done  chan struct{} // closed when all have
}

// goneLocked notes that a node will not answer. peers.mu is held.
func (a *asked) goneLocked(id string) {
	if !a.wait[id] {
		return
	}
	delete(a.wait, id)
	if len(a.wait) == 0 {
		close(a.done)
	}
}

func (p *peers) replies() string { return p.link.opt.Prefix + ".r." + p.id + "." }

// ask asks every node that is known to live, and returns what they answered, by
// their IDs, when all have or ctx ends; silent are those who have not. With questions
// of the engine's own it does not wait for nodes that were silent to another one and
// have not been heard since.
func (l *link) ask(ctx context.Context, about byte, question []byte) (answers map[string][][]byte, silent []string, err error) {
	if err := l.readyToAsk(about); err != nil {
		return nil, nil, err
	}
	p := &l.peers
	a := &asked{wait: map[string]bool{}, parts: map[string][][]byte{}, done: make(chan struct{})}
	subject := p.replies() + strings.TrimPrefix(natsgo.NewInbox(), natsgo.InboxPrefix)
	p.mu.Lock()
	for id := range p.seen {
		if about != askQuestion && p.mute[id] {
			silent = append(silent, id)
		} else {
			a.wait[id] = true
		}
	}
	if len(a.wait) == 0 {
		close(a.done)
	}
	p.pending[subject] = a
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.pending, subject)
		p.mu.Unlock()
	}()
	data := append(append([]byte(p.id), 0, about), question...)
	if err := l.nc.PublishRequest(l.opt.Prefix+".a", subject, data); err != nil {
		return nil, nil, explain(err)
	}
	select {
	case <-a.done:
	case <-ctx.Done():
	case <-l.ctx.Done():
		return nil, nil, hub.ErrClosed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range a.wait {
		silent = append(silent, id)
		delete(a.parts, id)
		if about != askQuestion { // whose time is the asker's, and may be none
			p.mute[id] = true
		}
	}
	answers = a.parts
	a.parts = nil // what comes now is late
	return answers, silent, nil
}

func (l *link) readyToAsk(about byte) error {
	if about == askSync {
		_, err := l.online()
		return err
	}
	return l.ready()
}

// answered takes an answer.
func (p *peers) answered(m *natsgo.Msg) {
	id, how, rest, ok := cutHead(m.Data)
	if !ok {
		return
	}
	p.lives(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.pending[m.Subject]
	if a == nil || a.parts == nil {
		return
	}
	switch how {
	case answerPart, answerLast:
		a.parts[id] = append(a.parts[id], rest)
	}
	if how != answerPart {
		a.goneLocked(id)
	}
}

func cutHead(p []byte) (id string, about byte, rest []byte, ok bool) {
	head, rest, found := bytes.Cut(p, []byte{0})
	if !found || len(head) == 0 || len(rest) == 0 {
		return "", 0, nil, false
	}
	return string(head), rest[0], rest[1:], true
}

// answersMost is how many questions of the hub's a node answers at a time. The
// asker of another finds it silent.
const answersMost = 64

// asked answers another node.
func (l *link) asked(m *natsgo.Msg) {
	id, about, question, ok := cutHead(m.Data)
	if !ok || id == l.peers.id || m.Reply == "" {
		return
	}
	l.peers.lives(id)
	answer := func(how byte, rest []byte) {
		// The error is that there is no connection.
		l.nc.Publish(m.Reply, append(append([]byte(l.peers.id), 0, how), rest...))
	}
	answerer, _ := l.r.(hub.Answerer)
	switch {
	case about == askSync:
		answer(answerLast, nil)
	case about == askMembers:
		parts := l.members.list(string(question))
		for i, part := range parts {
			if i < len(parts)-1 {
				answer(answerPart, part)
			} else {
				answer(answerLast, part)
			}
		}
	case about == askQuestion && answerer != nil:
		if !l.peers.takeSlot() {
			return
		}
		l.start(func() { // ends with the answer
			defer l.peers.giveSlot()
			answer(answerLast, answerer.Answer(question))
		})
	default:
		answer(answerNone, nil)
	}
}

func (p *peers) takeSlot() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers >= answersMost {
		return false
	}
	p.answers++
	return true
}

func (p *peers) giveSlot() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers--
}

// Ask implements [hub.Asker].
func (l *link) Ask(ctx context.Context, question []byte) (answers [][]byte, silent int, err error) {
	got, missing, err := l.ask(ctx, askQuestion, question)
	for _, parts := range got {
		answers = append(answers, parts...)
	}
	return answers, len(missing), err
}

// settle waits until every server that another node is on knows of this node's
// subscriptions. Servers tell each other a moment later than they tell us; a
// question to the other nodes takes the same way, so whoever has answered is on
// one that knows. It takes twice settleMost at the most, besides Options.Timeout.
func (l *link) settle(ctx context.Context) error {
	flush, cancel := context.WithTimeout(ctx, l.opt.Timeout)
	defer cancel()
	if err := l.nc.FlushWithContext(flush); err != nil {
		return explain(err)
	}
	if l.nc.ConnectedClusterName() == "" {
		return nil // there is one server
	}
	return l.settles.do(ctx, l.start, "", func() error {
		ctx, cancel := context.WithTimeout(l.ctx, settleMost)
		defer cancel()
		_, _, err := l.ask(ctx, askSync, nil)
		return err // who is silent may be dead
	})
}

// settleLeader waits until the server that leads a stream knows of this node's
// subscriptions: it is the one that publishes what was stored, and no node may be on
// it. What takes the way of the subscriptions to it is a message for the stream, under
// any subject of its own; this one says that it is for another stream, so it is refused
// and not stored.
func (l *link) settleLeader(ctx context.Context, s *stream) error {
	if l.nc.ConnectedClusterName() == "" {
		return nil
	}
	return l.settles.do(ctx, l.start, s.name, func() error {
		m := natsgo.NewMsg(s.claims)
		m.Header.Set(jetstream.ExpectedStreamHeader, "nobody's")
		l.request(l.ctx, m) // that there is no leader, the reading tells that follows
		return nil
	})
}

// settleMost is how long nobody is waited for any more: of a node that is silent for
// as long, what it publishes the moment after may be missed.
const settleMost = 3 * time.Second
