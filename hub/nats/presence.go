package nats

import (
	"context"
	"sync"
	"time"

	"github.com/wye-org/wye/hub"
)

// members are those of this node, by channel; other nodes ask for them. What others
// have answered is kept for when one of them is silent though its lease runs.
type members struct {
	mu   sync.Mutex // guards what is below
	here map[string]map[string]hub.Member
	last map[string]map[string][]hub.Member // by channel and node
}

// lastMost bounds the channels whose answers are kept.
const lastMost = 10_000

// Enter implements [hub.Link].
func (l *link) Enter(_ context.Context, ch hub.Channel, m hub.Member) error {
	if err := l.ready(); err != nil {
		return err
	}
	l.members.mu.Lock()
	defer l.members.mu.Unlock()
	if l.members.here == nil {
		l.members.here = map[string]map[string]hub.Member{}
	}
	in := l.members.here[ch.Name]
	if in == nil {
		in = map[string]hub.Member{}
		l.members.here[ch.Name] = in
	}
	in[m.ID] = m
	return nil
}

// Exit implements [hub.Link].
func (l *link) Exit(_ context.Context, ch hub.Channel, id string) error {
	l.members.mu.Lock()
	defer l.members.mu.Unlock()
	in := l.members.here[ch.Name]
	delete(in, id)
	if len(in) == 0 {
		delete(l.members.here, ch.Name)
	}
	return nil
}

// partMost is how many bytes one message of an answer has, about.
const partMost = 128 << 10

// list is this node's members of a channel, in parts, of which there is one at
// least.
func (s *members) list(channel string) (parts [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var part []byte
	for _, m := range s.here[channel] {
		if part = appendMember(part, m); len(part) > partMost {
			parts, part = append(parts, part), nil
		}
	}
	return append(parts, part)
}

// membersWait is how long Members waits for a node that is silent.
const membersWait = time.Second

// Members implements [hub.Link].
func (l *link) Members(ctx context.Context, ch hub.Channel) ([]hub.Member, error) {
	if err := l.ready(); err != nil {
		return nil, err
	}
	// Who joins at the same time as others shares the question with them.
	if err := l.rolls.do(ctx, l.start, ch.Name, func() error { return l.callRoll(ch.Name) }); err != nil {
		return nil, err
	}
	s := &l.members
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []hub.Member
	for _, m := range s.here[ch.Name] {
		all = append(all, m)
	}
	for _, of := range s.last[ch.Name] {
		all = append(all, of...)
	}
	return all, nil
}

// callRoll asks all nodes for their members of a channel.
func (l *link) callRoll(channel string) error {
	ctx, cancel := context.WithTimeout(l.ctx, membersWait)
	defer cancel()
	answers, silent, err := l.ask(ctx, askMembers, []byte(channel))
	if err != nil {
		return err
	}
	roll := map[string][]hub.Member{}
	for id, parts := range answers {
		for _, part := range parts {
			for len(part) > 0 {
				var m hub.Member
				if m, part, err = parseMember(part); err != nil {
					break
				}
				roll[id] = append(roll[id], m)
			}
		}
	}
	leased := l.peers.leased(silent)
	s := &l.members
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range silent {
		if was := s.last[channel][id]; was != nil && leased[id] {
			roll[id] = was
		}
	}
	if s.last == nil {
		s.last = map[string]map[string][]hub.Member{}
	}
	delete(s.last, channel)
	if len(roll) > 0 {
		if len(s.last) >= lastMost {
			for other := range s.last {
				delete(s.last, other)
				break
			}
		}
		s.last[channel] = roll
	}
	return nil
}

// forget takes the members of a node that is no more out.
func (s *members) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for channel, roll := range s.last {
		delete(roll, id)
		if len(roll) == 0 {
			delete(s.last, channel)
		}
	}
}
