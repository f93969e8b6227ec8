package hub

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// A Whom says which clients are meant: those that all of what is set is true of.
// Something has to be.
type Whom struct {
	Principal string `json:"principal,omitempty"`
	Client    string `json:"client,omitempty"` // the ID of one
}

func (w Whom) check() error {
	if w == (Whom{}) {
		return ErrNobody
	}
	return nil
}

func (w Whom) means(c *Client) bool {
	return (w.Client == "" || w.Client == c.self.ID) && (w.Principal == "" || w.Principal == c.self.Principal)
}

// Disconnect ends clients, on every node, and returns how many. nil why is one
// without code and reason. The error may be a [*SilentError], or that of an engine
// that is away: then the clients of this node were ended all the same, and
// asking again does no harm.
func (h *Hub) Disconnect(ctx context.Context, who Whom, why *DisconnectError) (int, error) {
	if why == nil {
		why = new(DisconnectError)
	}
	if err := cmp.Or(who.check(), why.check()); err != nil {
		return 0, err
	}
	return h.order(ctx, question{Do: toDisconnect, Whom: who, Code: why.Code, Reason: why.Reason})
}

// Unsubscribe takes clients out of a channel, on every node, and returns how many
// were in it. Each is sent a message of the kind [Removed]; it may join again, if
// MaySubscribe says so. For the error see [Hub.Disconnect].
func (h *Hub) Unsubscribe(ctx context.Context, who Whom, channel string) (int, error) {
	if err := who.check(); err != nil {
		return 0, err
	}
	if _, err := h.channel(channel); err != nil {
		return 0, err
	}
	return h.order(ctx, question{Do: toUnsubscribe, Whom: who, Channel: channel})
}

// order has every node carry out q.
func (h *Hub) order(ctx context.Context, q question) (clients int, err error) {
	answers, err := h.ask(ctx, q)
	for _, a := range answers {
		clients += a.Clients
	}
	return clients, err
}

// A Node is a hub, as others know it.
type Node struct {
	ID       string        `json:"id"` // unique; another each time the node starts
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	Uptime   time.Duration `json:"uptime"`
	Clients  int           `json:"clients"`
	Channels int           `json:"channels"` // that have members there
	Members  int           `json:"members"`  // of all these
}

// Node is this one.
func (h *Hub) Node() Node {
	s := h.Stats()
	return Node{
		ID:       h.id,
		Name:     h.opt.Name,
		Version:  h.opt.Version,
		Uptime:   time.Since(h.began),
		Clients:  s.Clients,
		Channels: s.Channels,
		Members:  s.Members,
	}
}

// Nodes are all of the engine's that have answered, this one first and the rest by
// name. For the error see [Hub.Disconnect].
func (h *Hub) Nodes(ctx context.Context) ([]Node, error) {
	answers, err := h.ask(ctx, question{Do: toTell})
	nodes := make([]Node, 0, len(answers))
	for _, a := range answers {
		if a.Node != nil {
			nodes = append(nodes, *a.Node)
		}
	}
	slices.SortStableFunc(nodes, func(a, b Node) int {
		return cmp.Or(mine(b, h.id)-mine(a, h.id), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return nodes, err
}

func mine(n Node, id string) int {
	if n.ID == id {
		return 1
	}
	return 0
}

// question is what nodes ask each other, as JSON.
type question struct {
	Do string `json:"do"` // one of the constants
	Whom
	Code    uint16        `json:"code,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Channel string        `json:"channel,omitempty"`
	List    *ChannelQuery `json:"list,omitempty"`
}

const (
	toDisconnect  = "disconnect"
	toUnsubscribe = "unsubscribe"
	toList        = "channels"
	toTell        = "node"
)

// answer has one of these, or nothing: of a node that does not know the question.
type answer struct {
	Known    bool         `json:"known"`
	Clients  int          `json:"clients,omitempty"` // that something was done to
	Channels *ChannelPage `json:"channels,omitempty"`
	Node     *Node        `json:"node,omitempty"`
}

// ask asks every node, this one included.
func (h *Hub) ask(ctx context.Context, q question) ([]answer, error) {
	asked := encode(q)
	switch {
	case h.ctx.Err() != nil:
		return nil, ErrClosed
	case len(asked) > MaxQuestion:
		return nil, ErrTooLong
	}
	answers := []answer{h.answer(q)}
	asker, ok := h.link.(Asker)
	if !ok {
		return answers, nil
	}
	others, silent, err := asker.Ask(ctx, asked)
	for _, p := range others {
		var a answer
		if err := json.Unmarshal(p, &a); err != nil || !a.Known {
			silent++ // another version's, perhaps
			continue
		}
		answers = append(answers, a)
	}
	if err == nil && silent > 0 {
		err = &SilentError{silent}
	}
	return answers, err
}

// Answer implements [Answerer].
func (r receiver) Answer(p []byte) []byte {
	var q question
	if err := json.Unmarshal(p, &q); err != nil {
		return encode(answer{})
	}
	return encode(r.hub.answer(q))
}

// answer does what this node is asked to.
func (h *Hub) answer(q question) answer {
	switch q.Do {
	case toDisconnect:
		return answer{Known: true, Clients: h.disconnect(q.Whom, &DisconnectError{q.Code, q.Reason})}
	case toUnsubscribe:
		return answer{Known: true, Clients: h.unsubscribe(q.Whom, q.Channel)}
	case toList:
		var list ChannelQuery
		if q.List != nil {
			list = *q.List
		}
		page := h.channelsHere(list)
		return answer{Known: true, Channels: &page}
	case toTell:
		n := h.Node()
		return answer{Known: true, Node: &n}
	}
	return answer{}
}

// encode is v as JSON, in which nothing is escaped that need not be.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil // it is ours, and can be
	}
	return b.Bytes()
}

func (h *Hub) disconnect(who Whom, why *DisconnectError) (n int) {
	for _, c := range h.clients.meant(who) {
		if c.endNow(why) {
			n++
		}
	}
	return n
}

func (h *Hub) unsubscribe(who Whom, channel string) (n int) {
	for _, c := range h.clients.meant(who) {
		if s := c.seat(channel); s != nil && h.leave(h.ctx, s) {
			c.tell(&Message{Channel: channel, Kind: Removed, Time: now()})
			n++
		}
	}
	return n
}

// meant are the clients that who means.
func (cs *clients) meant(who Whom) (all []*Client) {
	for i := range cs.shards {
		sh := &cs.shards[i]
		sh.mu.Lock()
		for c := range sh.clients {
			if who.means(c) {
				all = append(all, c)
			}
		}
		sh.mu.Unlock()
	}
	return all
}
