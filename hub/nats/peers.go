package nats

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
)

// peers are the nodes: each says now and then that it lives, on a subject of its
// own, which a stream keeps for as long as the lease. So who comes finds who is
// there, and who does not say a word for a lease's time is dead. A lease costs a
// message, however many members the node has.
type peers struct {
	link  *link
	id    string        // of this node
	lease time.Duration // how long a node that is silent counts as living
	every time.Duration // how often it says so

	mu      sync.Mutex // guards what is below
	seen    map[string]time.Time
	mute    map[string]bool      // of these, who did not answer last
	gone    map[string]time.Time // nodes that have left: what comes of them was on its way
	leaving bool                 // this node does not say any more that it lives
	pending map[string]*asked    // questions of ours that are not answered by all
	answers int                  // questions of others that are being answered
}

// How long leases are without presence, and how often one is renewed in its time.
const (
	leaseDefault = 10 * time.Second
	leaseBeats   = 6
)

func (p *peers) init(l *link, namespaces []hub.Namespace) {
	p.link, p.id = l, rand.Text()[:16]
	p.seen, p.mute, p.gone, p.pending = map[string]time.Time{}, map[string]bool{}, map[string]time.Time{}, map[string]*asked{}
	for _, ns := range namespaces {
		if ttl := ns.Presence.TTL; ttl > 0 && (p.lease == 0 || ttl < p.lease) {
			p.lease = ttl
		}
	}
	if p.lease == 0 {
		p.lease = leaseDefault
	}
	p.lease = min(p.lease, time.Minute)
	p.every = max(p.lease/leaseBeats, 50*time.Millisecond)
}

func (p *peers) stream() string { return p.link.opt.Prefix + "-nodes" }

func (p *peers) beatSubject() string { return p.link.opt.Prefix + ".n." }

func (p *peers) byeSubject() string { return p.link.opt.Prefix + ".b." }

// config is the stream of the leases. It is in memory: who lives says so again.
func (p *peers) config(o *Options) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              p.stream(),
		Description:       "which nodes of a wye hub live",
		Subjects:          []string{p.beatSubject() + "*"},
		Replicas:          o.Replicas,
		Storage:           jetstream.MemoryStorage,
		MaxMsgsPerSubject: 1,
		MaxAge:            max(p.lease, time.Second),
		MaxBytes:          -1,
		MaxMsgs:           -1,
		MaxConsumers:      -1,
		MaxMsgSize:        -1,
		Duplicates:        100 * time.Millisecond,
		AllowDirect:       true,
		Metadata:          map[string]string{bucketsKey: "1"},
	}
}

// meet learns which nodes there are, and waits until they know of this one. It is
// called when the connection is new, and repeats what fails until ctx ends.
func (l *link) meet(ctx context.Context) error {
	return l.await(ctx, func(try context.Context) error {
		if err := l.findPeers(try); err != nil {
			return err
		}
		return l.settle(ctx) // one of them may be dead: that takes longer than a try
	})
}

// findPeers learns which nodes there are, and lets them know of this one. When it is
// called again it only asks anew.
func (l *link) findPeers(ctx context.Context) error {
	p := &l.peers
	if err := l.listen(); err != nil {
		return err
	}
	p.beat()
	if err := l.nc.FlushWithContext(ctx); err != nil {
		return explain(err)
	}
	var there struct {
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	ask := map[string]string{"subjects_filter": p.beatSubject() + "*"}
	err := l.api(ctx, "STREAM.INFO."+p.stream(), ask, &there)
	switch {
	case codeOf(err) == jetstream.JSErrCodeStreamNotFound:
		if err := ensure(ctx, l.js, p.config(l.opt)); err != nil {
			return explain(err)
		}
	case err != nil:
		return explain(err)
	}
	for subject := range there.State.Subjects {
		p.lives(strings.TrimPrefix(subject, p.beatSubject()))
	}
	return nil
}

// listenNow subscribes what every node hears. The connection does so again when it is
// new.
func (l *link) listenNow() error {
	p := &l.peers
	for subject, f := range map[string]natsgo.MsgHandler{
		p.beatSubject() + "*": func(m *natsgo.Msg) { p.lives(strings.TrimPrefix(m.Subject, p.beatSubject())) },
		p.byeSubject() + "*":  func(m *natsgo.Msg) { p.left(strings.TrimPrefix(m.Subject, p.byeSubject())) },
		l.opt.Prefix + ".a":   l.asked,
		p.replies() + "*":     p.answered,
	} {
		if _, err := l.nc.Subscribe(subject, f); err != nil {
			return explain(err)
		}
	}
	l.start(p.beats) // ends with the link
	return nil
}

// beats says that this node lives, until the link ends.
func (p *peers) beats() {
	t := time.NewTicker(p.every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.beat()
			p.bury(time.Now())
		case <-p.link.ctx.Done():
			return
		}
	}
}

func (p *peers) beat() {
	p.mu.Lock()
	leaving := p.leaving
	p.mu.Unlock()
	if leaving {
		return
	}
	// The error is that there is no connection.
	p.link.nc.Publish(p.beatSubject()+p.id, nil)
}

// lives notes that a node said something.
func (p *peers) lives(id string) {
	if id == p.id || id == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, left := p.gone[id]; left {
		return
	}
	p.seen[id] = time.Now()
	delete(p.mute, id)
}

// left notes that a node has said goodbye.
func (p *peers) left(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone[id] = time.Now()
	p.dropLocked(id)
}

// dropLocked notes that a node is no more.
func (p *peers) dropLocked(id string) {
	delete(p.seen, id)
	delete(p.mute, id)
	p.link.members.forget(id)
	for _, a := range p.pending {
		a.goneLocked(id)
	}
}

// leased are those of the nodes whose leases run.
func (p *peers) leased(ids []string) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	runs := map[string]bool{}
	for _, id := range ids {
		runs[id] = time.Since(p.seen[id]) < p.lease
	}
	return runs
}

// bury forgets nodes whose lease has run out, and for as long that one has left.
func (p *peers) bury(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	over := func(_ string, at time.Time) bool { return now.Sub(at) >= p.lease }
	for id, at := range p.seen {
		if over(id, at) {
			p.dropLocked(id)
		}
	}
	maps.DeleteFunc(p.gone, over)
}

// leave tells the others that the node goes, and takes its lease back.
func (l *link) leave() {
	if _, err := l.online(); err != nil {
		return
	}
	p := &l.peers
	p.mu.Lock()
	p.leaving = true
	p.mu.Unlock()
	l.nc.Publish(p.byeSubject()+p.id, nil)
	ctx, cancel := context.WithTimeout(context.Background(), l.opt.Timeout)
	defer cancel()
	l.nc.FlushWithContext(ctx) // best effort: the lease runs out
	var done json.RawMessage
	l.api(ctx, "STREAM.PURGE."+p.stream(), map[string]string{"filter": p.beatSubject() + p.id}, &done)
}
