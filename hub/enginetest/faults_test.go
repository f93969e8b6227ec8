package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wye-org/wye/hub"
)

// ctx is that of what faults call.
var ctx = context.Background()

// copyOf is m as another message.
func copyOf(m *hub.Message) *hub.Message {
	return &hub.Message{Channel: m.Channel, Kind: m.Kind, Data: m.Data, Binary: m.Binary, Key: m.Key,
		Position: m.Position, Prev: m.Prev, Time: m.Time, From: m.From, Others: m.Others}
}

// changed passes on a copy of each message that f has changed.
func changed(f func(b *brokenLink, m *hub.Message)) func(*brokenLink, *hub.Message) {
	return func(b *brokenLink, m *hub.Message) {
		m = copyOf(m)
		f(b, m)
		b.Receiver.Receive(m)
	}
}

// page changes what is read.
func page(f func(q hub.Query, p *hub.Page)) func(*brokenLink, hub.Channel, hub.Query) (hub.Page, error) {
	return func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) {
		p, err := b.Link.Read(ctx, ch, q)
		if err == nil {
			f(q, &p)
		}
		return p, err
	}
}

// renamed has a fault in how channels' names are written.
func renamed(why, fails string, f func(string) string) fault {
	as := func(ch hub.Channel) hub.Channel {
		space, rest, _ := strings.Cut(ch.Name, ":")
		return hub.Channel{Name: space + ":" + f(rest), Namespace: ch.Namespace}
	}
	return fault{
		why: why, fails: fails,
		receive: func(b *brokenLink, m *hub.Message) {
			b.mu.Lock()
			var names []string
			for name := range b.in {
				if as(hub.Channel{Name: name}).Name == as(hub.Channel{Name: m.Channel}).Name {
					names = append(names, name)
				}
			}
			b.mu.Unlock()
			for _, name := range names {
				m := copyOf(m)
				m.Channel = name
				b.Receiver.Receive(m)
			}
		},
		subscribe: func(b *brokenLink, ch hub.Channel) error {
			b.mu.Lock()
			b.in[ch.Name] = true
			b.mu.Unlock()
			return b.Link.Subscribe(ctx, as(ch))
		},
		unsubscribe: func(b *brokenLink, ch hub.Channel) {
			b.mu.Lock()
			delete(b.in, ch.Name)
			b.mu.Unlock()
			b.Link.Unsubscribe(as(ch))
		},
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			return b.Link.Publish(ctx, as(ch), m, key)
		},
		read:    func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) { return b.Link.Read(ctx, as(ch), q) },
		enter:   func(b *brokenLink, ch hub.Channel, m hub.Member) error { return b.Link.Enter(ctx, as(ch), m) },
		exit:    func(b *brokenLink, ch hub.Channel, m hub.Member) error { return b.Link.Exit(ctx, as(ch), m.ID) },
		members: func(b *brokenLink, ch hub.Channel) ([]hub.Member, error) { return b.Link.Members(ctx, as(ch)) },
	}
}

func stores(ch hub.Channel) bool { return ch.Namespace.History.Size > 0 }

// every reports true at each n-th call.
func every(c *atomic.Int64, n int64) bool { return c.Add(1)%n == 0 }

var faults = []fault{
	{why: "none"},
	{
		why:   "live messages get lost",
		fails: "live-order names",
		receive: func(b *brokenLink, m *hub.Message) {
			if m.Offset == 0 && every(&b.count, 7) {
				return
			}
			b.Receiver.Receive(m)
		},
	},
	{
		why:   "messages come twice",
		fails: "live-order one-order stored forget key-retries names",
		receive: func(b *brokenLink, m *hub.Message) {
			b.Receiver.Receive(m)
			if every(&b.count, 7) {
				b.Receiver.Receive(m)
			}
		},
	},
	{
		why:   "stored messages are not handed over now and then",
		fails: "one-order stored forget key-retries race names",
		receive: func(b *brokenLink, m *hub.Message) {
			if m.Offset != 0 && every(&b.count, 7) {
				return
			}
			b.Receiver.Receive(m)
		},
	},
	{
		why:   "messages overtake each other",
		fails: "live-order one-order stored key-retries race",
		receive: func(b *brokenLink, m *hub.Message) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if held := b.held; held != nil {
				b.held = nil
				b.Receiver.Receive(m)
				b.Receiver.Receive(held)
			} else if every(&b.count, 9) {
				b.held = m
			} else {
				b.Receiver.Receive(m)
			}
		},
	},
	{
		why:   "Prev is that of another message",
		fails: "one-order kinds race",
		receive: changed(func(_ *brokenLink, m *hub.Message) {
			if m.Offset > 1 {
				m.Prev--
			}
		}),
	},
	{
		why:     "there is no Prev",
		fails:   "one-order kinds race",
		receive: changed(func(_ *brokenLink, m *hub.Message) { m.Prev = 0 }),
	},
	{
		why:   "a message is handed over at another position than it is stored",
		may:   "whole",
		fails: "stored race",
		receive: changed(func(_ *brokenLink, m *hub.Message) {
			if m.Offset != 0 {
				m.Offset += 5
				if m.Prev != 0 {
					m.Prev += 5
				}
			}
		}),
	},
	{
		why:   "live messages have a position",
		fails: "live-order kinds",
		receive: changed(func(b *brokenLink, m *hub.Message) {
			if m.Offset == 0 {
				m.Position = hub.Position{Epoch: "e", Offset: uint64(b.count.Add(1))}
			}
		}),
	},
	{
		why:     "the flags of a message are lost",
		fails:   "intact",
		receive: changed(func(_ *brokenLink, m *hub.Message) { m.Binary = false }),
	},
	{
		why:     "who published is lost",
		fails:   "intact kinds",
		receive: changed(func(_ *brokenLink, m *hub.Message) { m.From = nil }),
	},
	{
		why:     "there is no time",
		fails:   "intact",
		receive: changed(func(_ *brokenLink, m *hub.Message) { m.Time = time.Time{} }),
	},
	{
		why:   "large messages are cut",
		fails: "intact",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			m.Data = m.Data[:min(len(m.Data), 65535)]
			return b.Link.Publish(ctx, ch, m, key)
		},
	},
	{
		why:   "messages of each node come in an order of their own",
		fails: "one-order",
		receive: func(b *brokenLink, m *hub.Message) {
			if b.n != 2 || m.Offset == 0 {
				b.Receiver.Receive(m)
				return
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.held == nil {
				b.held = m
				return
			}
			b.Receiver.Receive(m)
			b.Receiver.Receive(b.held)
			b.held = nil
		},
	},
	{
		why:   "messages reach the node that published them alone",
		fails: "live-order intact unsubscribe one-order stored key-retries kinds race names away",
		receive: func(b *brokenLink, m *hub.Message) {
			if b.n == int(b.e.seen.Load()) {
				b.Receiver.Receive(m)
			}
		},
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			b.e.mu.Lock()
			defer b.e.mu.Unlock()
			b.e.seen.Store(int64(b.n))
			return b.Link.Publish(ctx, ch, m, key)
		},
	},
	{
		why:         "unsubscribing is forgotten",
		fails:       "unsubscribe closed",
		unsubscribe: func(*brokenLink, hub.Channel) {},
		subscribe: func(b *brokenLink, ch hub.Channel) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.in[ch.Name] {
				return nil
			}
			err := b.Link.Subscribe(ctx, ch)
			b.in[ch.Name] = err == nil
			return err
		},
	},
	{
		why:   "one unsubscribes for all",
		fails: "unsubscribe",
		unsubscribe: func(b *brokenLink, ch hub.Channel) {
			b.e.mu.Lock()
			links := slices.Clone(b.e.links)
			b.e.mu.Unlock()
			for _, o := range links {
				o.Link.Unsubscribe(ch)
			}
		},
	},
	{
		why:   "a node gets what it has not subscribed",
		fails: "live-order",
		subscribe: func(b *brokenLink, ch hub.Channel) error {
			if !stores(ch) {
				b.Link.Subscribe(ctx, in(&live, "x"))
			}
			if ch.Name == "live:x" {
				return nil
			}
			return b.Link.Subscribe(ctx, ch)
		},
	},
	{
		why:   "a live channel without subscribers is an error",
		fails: "live-alone",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			b.e.mu.Lock()
			subscribed := stores(ch) || b.e.kept[ch.Name] != nil
			b.e.mu.Unlock()
			if !subscribed {
				return hub.Receipt{}, errors.New("no responders")
			}
			return b.Link.Publish(ctx, ch, m, key)
		},
		subscribe: func(b *brokenLink, ch hub.Channel) error {
			b.e.mu.Lock()
			b.e.kept[ch.Name] = []*hub.Message{}
			b.e.mu.Unlock()
			return b.Link.Subscribe(ctx, ch)
		},
	},
	{
		why:   "a publication is acknowledged before it is stored",
		fails: "one-order stored pages recovery overflow ttl forget key-once key-retries key-window race names away slow whole",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			if stores(ch) && every(&b.count, 5) {
				return hub.Receipt{Position: hub.Position{Epoch: "e", Offset: 1 << 40}}, nil
			}
			return b.Link.Publish(ctx, ch, m, key)
		},
	},
	{
		why:   "receipts say the position before",
		fails: "stored pages recovery overflow ttl away",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			r, err := b.Link.Publish(ctx, ch, m, key)
			if r.Offset > 1 {
				r.Offset--
			}
			return r, err
		},
	},
	{
		why:   "reads lag behind",
		fails: "pages",
		read: func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) {
			p, err := b.Link.Read(ctx, ch, q)
			if err == nil && len(p.Messages) > 1 && !q.Reverse && q.Limit > 0 {
				p.Messages = p.Messages[:len(p.Messages)-1]
				p.Top = p.Messages[len(p.Messages)-1].Position
			}
			return p, err
		},
	},
	{
		why:   "what is read includes the message since which it is",
		may:   "whole",
		fails: "pages recovery overflow ttl forget away",
		read: func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) {
			if q.Since != nil && !q.Reverse && q.Since.Offset > 0 {
				since := *q.Since
				since.Offset--
				q.Since = &since
			}
			return b.Link.Read(ctx, ch, q)
		},
	},
	{
		why:   "the first of what was missed is missing",
		fails: "pages recovery overflow ttl forget away",
		may:   "whole",
		read: page(func(q hub.Query, p *hub.Page) {
			if q.Since != nil && !q.Reverse && len(p.Messages) > 1 {
				p.Messages = p.Messages[1:]
			}
		}),
	},
	{
		why:   "whatever is read is complete",
		fails: "pages recovery overflow ttl other-epoch forget",
		read:  page(func(q hub.Query, p *hub.Page) { p.Complete = q.Since != nil && !q.Reverse }),
	},
	{
		why:   "nothing is complete",
		fails: "pages recovery overflow ttl forget away whole",
		read:  page(func(_ hub.Query, p *hub.Page) { p.Complete = false }),
	},
	{
		why:   "a page that was cut off is complete",
		fails: "pages",
		read: func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) {
			limit := q.Limit
			if q.Since != nil && !q.Reverse {
				q.Limit = -1
			}
			p, err := b.Link.Read(ctx, ch, q)
			if limit >= 0 && len(p.Messages) > limit {
				p.Messages = p.Messages[:limit]
			}
			return p, err
		},
	},
	{
		why:   "the limit is one too many",
		fails: "stored pages",
		read: func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) {
			if q.Limit > 0 {
				q.Limit++
			}
			return b.Link.Read(ctx, ch, q)
		},
	},
	{
		why:   "Reverse is ignored",
		fails: "stored pages",
		read: func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) {
			q.Reverse = false
			return b.Link.Read(ctx, ch, q)
		},
	},
	{
		why:   "the epoch is not looked at",
		fails: "other-epoch forget",
		read: func(b *brokenLink, ch hub.Channel, q hub.Query) (hub.Page, error) {
			if q.Since != nil {
				p, err := b.Link.Read(ctx, ch, hub.Query{})
				if err != nil {
					return p, err
				}
				q.Since = &hub.Position{Epoch: p.Top.Epoch, Offset: q.Since.Offset}
			}
			return b.Link.Read(ctx, ch, q)
		},
	},
	{
		why:    "lost history keeps its epoch",
		fails:  "forget",
		forget: func(*hub.Memory) {},
	},
	{
		why:   "history is not bounded",
		fails: "overflow",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			return b.Link.Publish(ctx, unbounded(ch), m, key)
		},
		subscribe: func(b *brokenLink, ch hub.Channel) error { return b.Link.Subscribe(ctx, unbounded(ch)) },
	},
	{
		why:   "messages do not grow old",
		fails: "ttl",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			return b.Link.Publish(ctx, ageless(ch), m, key)
		},
		subscribe: func(b *brokenLink, ch hub.Channel) error { return b.Link.Subscribe(ctx, ageless(ch)) },
	},
	{
		why:   "keys are ignored",
		fails: "key-once key-retries key-window",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			return b.Link.Publish(ctx, ch, m, "")
		},
	},
	{
		why:   "a duplicate is not told",
		fails: "key-once key-retries key-window",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			r, err := b.Link.Publish(ctx, ch, m, key)
			r.Duplicate = false
			return r, err
		},
	},
	{
		why:   "each node has keys of its own",
		fails: "key-once key-retries",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			if key != "" {
				key = fmt.Sprint(b.n, key)
			}
			return b.Link.Publish(ctx, ch, m, key)
		},
	},
	{
		why:   "keys are of all channels together",
		fails: "key-once names",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			if key == "" {
				return b.Link.Publish(ctx, ch, m, key)
			}
			b.e.mu.Lock()
			defer b.e.mu.Unlock()
			if before := b.e.kept["key "+key]; before != nil && before[0].Channel != ch.Name {
				return hub.Receipt{Position: before[0].Position, Duplicate: true}, nil
			}
			r, err := b.Link.Publish(ctx, ch, m, key)
			if err == nil && !r.Duplicate {
				b.e.kept["key "+key] = []*hub.Message{m}
			}
			return r, err
		},
	},
	{
		why:   "keys are looked up before they are stored",
		fails: "key-retries",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			if key == "" {
				return b.Link.Publish(ctx, ch, m, key)
			}
			b.e.mu.Lock()
			before := b.e.kept[ch.Name+key]
			b.e.mu.Unlock()
			if before != nil && time.Since(before[0].Time) < hub.IdempotencyWindow {
				return hub.Receipt{Position: before[0].Position, Duplicate: true}, nil
			}
			time.Sleep(time.Millisecond)
			r, err := b.Link.Publish(ctx, ch, m, "")
			if err == nil {
				b.e.mu.Lock()
				b.e.kept[ch.Name+key] = []*hub.Message{m}
				b.e.mu.Unlock()
			}
			return r, err
		},
	},
	{
		why:   "keys are remembered for ever",
		fails: "key-window",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			if key == "" {
				return b.Link.Publish(ctx, ch, m, key)
			}
			b.e.mu.Lock()
			defer b.e.mu.Unlock()
			if before := b.e.kept[ch.Name+key]; before != nil {
				return hub.Receipt{Position: before[0].Position, Duplicate: true}, nil
			}
			r, err := b.Link.Publish(ctx, ch, m, key)
			if err == nil {
				b.e.kept[ch.Name+key] = []*hub.Message{m}
			}
			return r, err
		},
	},
	{
		why:   "keys are remembered for a minute",
		fails: "key-window",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			if key != "" {
				key = fmt.Sprint(key, time.Now().Unix()/60)
			}
			return b.Link.Publish(ctx, ch, m, key)
		},
	},
	{
		why:   "comings and goings are stored",
		fails: "kinds",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			m.Kind = hub.Data
			return b.Link.Publish(ctx, ch, m, key)
		},
	},
	{
		why:   "subscribing takes a moment after Subscribe",
		fails: "live-order live-alone intact unsubscribe one-order stored pages recovery overflow forget key-once key-retries kinds race names away closed slow",
		subscribe: func(b *brokenLink, ch hub.Channel) error {
			b.e.tasks.Go(func() { // ends in a moment
				time.Sleep(20 * time.Microsecond)
				b.Link.Subscribe(ctx, ch)
			})
			return nil
		},
	},
	{
		why:   "leaving is forgotten",
		fails: "presence",
		exit:  func(*brokenLink, hub.Channel, hub.Member) error { return nil },
	},
	{
		why:   "only who is not listed can leave",
		fails: "presence",
		exit: func(b *brokenLink, ch hub.Channel, m hub.Member) error {
			members, _ := b.Link.Members(ctx, ch)
			if !slices.ContainsFunc(members, func(o hub.Member) bool { return o.ID == m.ID }) {
				return errors.New("not found")
			}
			return b.Link.Exit(ctx, ch, m.ID)
		},
	},
	{
		why:   "members are those of this node",
		fails: "presence lease names",
		enter: func(b *brokenLink, ch hub.Channel, m hub.Member) error {
			b.mu.Lock()
			b.in[ch.Name+" "+m.ID] = true
			b.mu.Unlock()
			return b.Link.Enter(ctx, ch, m)
		},
		members: func(b *brokenLink, ch hub.Channel) ([]hub.Member, error) {
			all, err := b.Link.Members(ctx, ch)
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.DeleteFunc(all, func(m hub.Member) bool { return !b.in[ch.Name+" "+m.ID] }), err
		},
	},
	{
		why:   "members have no info",
		fails: "presence lease goodbye names",
		enter: func(b *brokenLink, ch hub.Channel, m hub.Member) error {
			m.Info = nil
			return b.Link.Enter(ctx, ch, m)
		},
	},
	{
		why:   "members vanish though their node lives",
		fails: "lease goodbye",
		enter: func(b *brokenLink, ch hub.Channel, m hub.Member) error {
			b.e.tasks.Go(func() { // ends after the TTL
				time.Sleep(ch.Namespace.Presence.TTL)
				b.Link.Exit(ctx, ch, m.ID)
			})
			return b.Link.Enter(ctx, ch, m)
		},
	},
	{
		why:   "members of a dead node stay",
		fails: "lease",
		enter: func(b *brokenLink, ch hub.Channel, m hub.Member) error {
			b.e.mu.Lock()
			b.e.kept[listing(b, ch, m.ID)] = []*hub.Message{{From: &m}}
			b.e.mu.Unlock()
			return b.Link.Enter(ctx, ch, m)
		},
		exit: func(b *brokenLink, ch hub.Channel, m hub.Member) error {
			b.e.mu.Lock()
			delete(b.e.kept, listing(b, ch, m.ID))
			b.e.mu.Unlock()
			return b.Link.Exit(ctx, ch, m.ID)
		},
		members: func(b *brokenLink, ch hub.Channel) (all []hub.Member, err error) {
			if _, err := b.Link.Members(ctx, ch); err != nil {
				return nil, err
			}
			b.e.mu.Lock()
			defer b.e.mu.Unlock()
			for key, m := range b.e.kept {
				if strings.HasPrefix(key, "member "+ch.Name+"\x00") {
					all = append(all, *m[0].From)
				}
			}
			return all, nil
		},
		close: func(b *brokenLink) error {
			b.e.mu.Lock()
			for key := range b.e.kept {
				if strings.Contains(key, fmt.Sprintf("\x00%d\x00", b.n)) {
					delete(b.e.kept, key)
				}
			}
			b.e.mu.Unlock()
			return b.Link.Close()
		},
	},
	{
		why:   "who leaves without exits stays for the TTL",
		fails: "goodbye",
		close: func(b *brokenLink) error {
			b.Link.(interface{ Kill() }).Kill()
			return nil
		},
	},
	renamed("case is folded", "names", strings.ToLower),
	renamed("dots and spaces are one", "names", func(s string) string { return strings.ReplaceAll(s, " ", ".") }),
	renamed("a star is a pattern", "names", func(s string) string { return strings.ReplaceAll(s, "*", "a") }),
	renamed("space around names is cut", "names", strings.TrimSpace),
	renamed("long names are cut", "names", func(s string) string { return s[:min(len(s), 249)] }),
	renamed("beyond ASCII all is one", "names", func(s string) string {
		return strings.Map(func(r rune) rune {
			if r > 127 {
				return '?'
			}
			return r
		}, s)
	}),
	{
		why:   "an engine that is away lets publications wait",
		fails: "away",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			r, err := b.Link.Publish(ctx, ch, m, key)
			if errors.Is(err, hub.ErrUnavailable) {
				time.Sleep(10 * time.Second)
			}
			return r, err
		},
	},
	{
		why:   "an engine that is away has an error of its own",
		fails: "away",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			r, err := b.Link.Publish(ctx, ch, m, key)
			if errors.Is(err, hub.ErrUnavailable) {
				err = errors.New("server unavailable")
			}
			return r, err
		},
	},
	{
		why:   "an engine that is away takes messages and drops them",
		fails: "away",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			r, err := b.Link.Publish(ctx, ch, m, key)
			if errors.Is(err, hub.ErrUnavailable) {
				err = nil
			}
			return r, err
		},
	},
	{why: "nobody is told that the engine is away", fails: "ask away", away: func(*brokenLink) {}},
	{why: "nobody is told that the engine is back", fails: "away", back: func(*brokenLink) {}},
	{
		why:   "a closed link goes on",
		fails: "goodbye ask closed",
		close: func(b *brokenLink) error {
			if b.count.Add(1) <= 2 {
				return nil
			}
			return b.Link.Close()
		},
	},
	{
		why:   "nobody is asked",
		fails: "ask",
		ask:   func(*brokenLink, []byte) ([][]byte, int, error) { return nil, 0, nil },
	},
	{
		why:   "one node is not asked",
		fails: "ask",
		ask: func(b *brokenLink, question []byte) ([][]byte, int, error) {
			answers, silent, err := b.Link.(hub.Asker).Ask(ctx, question)
			return answers[:min(1, len(answers))], silent, err
		},
	},
	{
		why:   "a node asks itself too",
		fails: "ask",
		ask: func(b *brokenLink, question []byte) ([][]byte, int, error) {
			answers, silent, err := b.Link.(hub.Asker).Ask(ctx, question)
			return append(answers, b.Receiver.(hub.Answerer).Answer(question)), silent, err
		},
	},
	{
		why:   "questions are text",
		fails: "ask",
		answer: func(b *brokenLink, question []byte) []byte {
			return b.Receiver.(hub.Answerer).Answer(bytes.ToValidUTF8(question, nil))
		},
	},
	{
		why:   "answers are cut",
		fails: "ask",
		answer: func(b *brokenLink, question []byte) []byte {
			answer := b.Receiver.(hub.Answerer).Answer(question)
			return answer[:min(len(answer), 64<<10)]
		},
	},
	{
		why:   "an engine that is away has nobody else to ask",
		fails: "ask",
		ask: func(b *brokenLink, question []byte) ([][]byte, int, error) {
			answers, silent, err := b.Link.(hub.Asker).Ask(ctx, question)
			if errors.Is(err, hub.ErrUnavailable) {
				err = nil
			}
			return answers, silent, err
		},
	},
	{
		why:   "publishing waits now and then",
		fails: "slow whole",
		publish: func(b *brokenLink, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
			if ch.Name == "log:x" && every(&b.count, 50) {
				time.Sleep(time.Minute)
			}
			return b.Link.Publish(ctx, ch, m, key)
		},
	},
}

// listing is what a member is kept under.
func listing(b *brokenLink, ch hub.Channel, id string) string {
	return fmt.Sprintf("member %s\x00%d\x00%s", ch.Name, b.n, id)
}

func unbounded(ch hub.Channel) hub.Channel { return with(ch, 1<<20, ch.Namespace.History.TTL) }
func ageless(ch hub.Channel) hub.Channel   { return with(ch, ch.Namespace.History.Size, 1000*time.Hour) }

func with(ch hub.Channel, size int, ttl time.Duration) hub.Channel {
	if !stores(ch) {
		return ch
	}
	ns := *ch.Namespace
	ns.History = hub.History{Size: size, TTL: ttl}
	return hub.Channel{Name: ch.Name, Namespace: &ns}
}
