// Package lease has one of several servers do what only one of them may: move a
// game's world, or make the prices. They share a hub's engine, and nothing else.
//
// Who does it writes so into a channel with history, in which there is one order:
// a claim, once a second that it still does, and at the end that it has resigned.
// Each claim has the next higher term, and is published under that as its
// idempotency key: so of several in one term one is stored, and whoever made it
// is the owner. When nothing was heard of the owner for [TTL] the next term may be
// claimed. An owner stops as soon as it hears of a higher term, or could not write
// for so long that the others may think it gone.
//
// What is written can have a baton with it: what the next owner has to know to go
// on from there.
package lease

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
	"github.com/wye-org/wye/hub"
)

// TTL is after how much silence an owner is taken for dead.
const TTL = 3 * time.Second

// renewEvery is how often an owner says that it lives, and yieldAfter when it
// stops if it could not.
const (
	renewEvery = TTL / 3
	yieldAfter = 2 * TTL / 3
)

// principal is whom the hub lets read what is written: nobody who connects has it.
var principal = "lease " + rand.Text()

var errPrivate = errors.New("lease: only the servers themselves read this")

const namespace = "lease"

// Namespace is what the hub has to have. A channel's messages are the last few
// words of its owners; once their TTL is over, or the engine has forgotten them,
// what was done begins anew.
func Namespace() hub.Namespace {
	return hub.Namespace{
		Name:    namespace,
		History: hub.History{Size: 16, TTL: 5 * time.Minute},
		MaySubscribe: func(_ context.Context, r hub.Request) error {
			if r.Principal != principal {
				return errPrivate
			}
			return nil
		},
	}
}

// A Task is what one server at a time does. Its functions are called one after
// another, and none after [Lease.Close] has returned.
type Task struct {
	// Name says which one of several it is: the owners of one name exclude each
	// other. With "lease:" before it, it is a channel's.
	Name string

	// Begin is called when this server has become the owner, with the last
	// baton that was heard; nil: there is none. If it fails the server resigns,
	// and claims again later.
	Begin func(ctx context.Context, baton []byte) error

	// Run does it until ctx ends, on a goroutine of its own: the others are
	// called meanwhile, except Begin.
	Run func(ctx context.Context)

	// Baton is what the next owner has to know. It is asked for as long as this
	// server is the owner.
	Baton func() []byte

	// Heard is called with each baton of another owner. nil: nobody is
	// interested.
	Heard func(baton []byte)

	// Changed is called when another owner, this server included, has begun:
	// what was said to the one before may not have been heard. nil: likewise.
	Changed func()
}

// A Lease is one server's wish to do a Task.
type Lease struct {
	hub     *hub.Hub
	task    Task
	self    string // among those who want it
	cancel  context.CancelFunc
	ended   chan struct{}
	settled chan struct{}

	inbox inbox

	// What is below is for run alone.
	term    uint64 // the highest that was heard of
	begun   uint64 // the last term of which it was heard that its owner has begun
	free    bool   // the owner has resigned, or there was none
	heard   time.Time
	top     hub.Position // of the last message that was heard
	baton   []byte
	owns    bool
	renewed time.Time
	stop    func() // ends Run and waits for its end
}

// words are what is written.
type words struct {
	Node  string `json:"node"`
	Term  uint64 `json:"term"`
	Do    string `json:"do"` // one of the constants
	Baton []byte `json:"baton,omitempty"`
}

const (
	claim  = "claim"
	renew  = "renew" // the first one of a term says that the owner has begun
	resign = "resign"
)

// Seek has this server do the task whenever no other one does. The caller closes
// the Lease. It costs a goroutine.
func Seek(h *hub.Hub, t Task) *Lease {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Lease{
		hub:     h,
		task:    t,
		self:    rand.Text()[:12],
		cancel:  cancel,
		ended:   make(chan struct{}),
		settled: make(chan struct{}),
		free:    true,
	}
	l.inbox.more = make(chan struct{}, 1)
	go l.run(ctx) // ends with Close, which waits for it
	return l
}

// Settled is closed once this server has begun to do it, or has heard of who does.
func (l *Lease) Settled() <-chan struct{} { return l.settled }

// Close ends it. An owner resigns, so that another takes over at once.
func (l *Lease) Close() {
	l.cancel()
	<-l.ended
}

func (l *Lease) channel() string { return namespace + ":" + l.task.Name }

// run reads the channel, anew whenever the hub ends that, until ctx ends.
func (l *Lease) run(ctx context.Context) {
	defer close(l.ended)
	defer l.yield(true)
	for ctx.Err() == nil {
		if l.owns && l.late() {
			l.yield(false)
		}
		client, err := l.read(ctx)
		if err == nil {
			err = l.attend(ctx)
			client.Close()
		}
		if errors.Is(err, hub.ErrClosed) {
			<-ctx.Done()
			return
		}
		if !errors.Is(err, hub.ErrLost) && !errors.Is(err, hub.ErrSlow) {
			pace.Sleep(ctx, renewEvery)
		}
	}
}

// late reports whether another attempt to renew, should it fail, would end when the
// others may have claimed the next term.
func (l *Lease) late() bool { return time.Since(l.renewed)+renewEvery > yieldAfter }

// read joins the channel, and hears what was written before.
func (l *Lease) read(ctx context.Context) (*hub.Client, error) {
	l.inbox.reset()
	client, err := l.hub.Connect(&l.inbox, &hub.ClientOptions{Principal: principal})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	w, err := client.Join(ctx, l.channel(), &hub.JoinOptions{
		Last:  -1,
		Greet: func(*hub.Welcome) []*hub.Message { return nil },
	})
	if err != nil {
		client.Close()
		return nil, err
	}
	l.hear(w.Messages)
	l.top = w.Position
	return client, nil
}

// attend does what is due, until ctx or the client ends.
func (l *Lease) attend(ctx context.Context) error {
	for {
		var due time.Time
		switch {
		case l.owns:
			due = l.renewed.Add(renewEvery)
		case l.free:
			due = time.Now()
		default:
			due = l.heard.Add(TTL)
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-l.inbox.more:
			timer.Stop()
			messages, err := l.inbox.take()
			l.hear(messages)
			if err != nil {
				return err
			}
			continue
		case <-timer.C:
		}
		if err := l.act(ctx); err != nil {
			return err
		}
	}
}

// act renews what is owned, or claims what is free.
func (l *Lease) act(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	if l.owns {
		err := l.write(ctx, renew, l.task.Baton(), "")
		if err != nil && l.late() {
			l.yield(false)
		}
		return err
	}
	// What was written may be on its way still.
	page, err := l.hub.History(ctx, l.channel(), hub.Query{Limit: 1, Reverse: true})
	if err != nil {
		return err
	}
	if page.Top != l.top {
		l.hear(page.Messages)
		l.top = page.Top
		return nil
	}
	return l.claim(ctx)
}

func (l *Lease) claim(ctx context.Context) error {
	l.term++
	l.heard, l.free = time.Now(), false // if it is another's
	err := l.write(ctx, claim, nil, fmt.Sprint("term ", l.term))
	switch {
	case errors.Is(err, errTaken):
		return nil
	case err != nil:
		return err // it may be ours: nobody has it for a TTL then
	}
	l.owns = true
	if err := l.task.Begin(ctx, l.baton); err != nil {
		l.yield(true)
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var ran sync.WaitGroup
	ran.Go(func() { l.task.Run(run) }) // ends with l.stop, which waits for it
	l.stop = func() { cancel(); ran.Wait() }
	l.settle()
	return l.write(ctx, renew, l.task.Baton(), "")
}

var errTaken = errors.New("lease: another has claimed that term")

// write says it to everybody, this server included.
func (l *Lease) write(ctx context.Context, do string, baton []byte, key string) error {
	p, err := json.Marshal(words{l.self, l.term, do, baton})
	if err != nil {
		return err
	}
	began := time.Now()
	r, err := l.hub.Publish(ctx, l.channel(), p, &hub.PublishOptions{IdempotencyKey: key})
	switch {
	case err != nil:
		return err
	case r.Duplicate:
		return errTaken
	}
	l.renewed = began
	return nil
}

// yield stops doing it. resigned says that the others are told, who else find out.
func (l *Lease) yield(resigned bool) {
	if !l.owns {
		return
	}
	l.owns = false
	var baton []byte
	if l.stop != nil {
		l.stop()
		l.stop = nil
		baton = l.task.Baton()
	}
	l.heard, l.free = time.Now(), false // its turn comes again, after the others'
	if resigned {
		ctx, cancel := context.WithTimeout(context.Background(), renewEvery)
		defer cancel()
		l.write(ctx, resign, baton, "") // if not, the others wait for a TTL
	}
}

// hear takes in what was written. Of several batons the last one counts.
func (l *Lease) hear(messages []*hub.Message) {
	var baton []byte
	changed := false
	for _, m := range messages {
		if m.Epoch == l.top.Epoch && m.Offset <= l.top.Offset {
			continue
		}
		l.top = m.Position
		var w words
		if json.Unmarshal(m.Data, &w) != nil || w.Term < l.term {
			continue
		}
		mine := w.Node == l.self
		if !mine && l.owns {
			if w.Term == l.term {
				continue // none is stored but ours
			}
			l.yield(false)
		}
		l.term, l.heard, l.free = w.Term, time.Now(), w.Do == resign && !mine
		if w.Baton != nil && !mine {
			baton = w.Baton
		}
		if w.Do == renew && w.Term > l.begun {
			l.begun, changed = w.Term, true
		}
	}
	if baton != nil {
		l.baton = baton
		if l.task.Heard != nil {
			l.task.Heard(baton)
		}
	}
	if changed && l.task.Changed != nil {
		l.task.Changed()
	}
	if baton != nil || changed {
		l.settle()
	}
}

func (l *Lease) settle() {
	select {
	case <-l.settled:
	default:
		close(l.settled)
	}
}
