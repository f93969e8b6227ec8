package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// JoinOptions say what a member wants to be told first. The zero value is
// nothing.
type JoinOptions struct {
	// Since asks for what came after this position: the one of the last
	// message that the client has. nil: it has none.
	Since *Position

	// Last asks for so many of the last messages, if there is no Since or not
	// all that came after it can be had. Negative: all there are.
	Last int

	// Info is for presence in this channel, instead of the client's.
	Info []byte

	// Admitted says that the program has judged the client already: MaySubscribe
	// is not asked.
	Admitted bool

	// NoMembers leaves Members of the Welcome empty, which saves asking the
	// engine for all of them.
	NoMembers bool

	// Answer makes the answer to the request to join: it is sent before all else
	// of the channel, and also if the client leaves again before that. It may
	// take from w.Messages the first ones, which it answers with. It is called as
	// Greet is, and before it. nil, or a nil message: there is no such answer.
	Answer func(w *Welcome) *Message

	// Greet makes what the member is told first: it is sent before anything
	// that is published after the moment of w. It is called on the goroutine
	// of Join, with no lock held, and once. nil: w.Messages are sent as they
	// are. What is returned is sent but not stored or published.
	Greet func(w *Welcome) []*Message
}

// A Welcome is what Join says.
type Welcome struct {
	Channel string
	You     Member
	Members []Member // with presence: who is there, you included, in order of arrival

	// Recovered: Messages are exactly what came after Since. If not, they are
	// the Last ones.
	Recovered bool
	Messages  []*Message

	// Position is that of the last message of the history. Zero in a live
	// channel.
	Position Position
}

// Join makes the client a member of a channel, if MaySubscribe says so. From then
// on it gets what is published there; in a channel with history without a gap
// after the Welcome's Position. If Join fails the client is not a member.
func (c *Client) Join(ctx context.Context, channel string, opts *JoinOptions) (*Welcome, error) {
	ch, err := c.hub.channel(channel)
	if err != nil {
		return nil, err
	}
	if opts == nil {
		opts = new(JoinOptions)
	}
	if !opts.Admitted {
		if err := may(ctx, ch.Namespace.MaySubscribe, "subscribe", ch, c); err != nil {
			return nil, err
		}
	}
	room, err := c.hub.rooms.enter(ctx, ch)
	if err != nil {
		return nil, err
	}
	s := &seat{client: c, channel: room, joining: true}
	s.held = ch.stores() || opts.Greet != nil || opts.Answer != nil
	if err := c.sit(s); err != nil {
		c.hub.rooms.exit(room)
		return nil, err
	}
	room.tiers.add(s)
	c.hub.stats.members.Add(1)
	w, err := c.welcome(ctx, s, opts)
	if err != nil {
		c.hub.leave(ctx, s)
		c.hub.standUp(ctx, s)
		return nil, err
	}
	return w, nil
}

// sit gives the client a seat, of which it has one in a channel.
func (c *Client) sit(s *seat) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != nil {
		return c.why
	}
	if slices.ContainsFunc(c.seats, func(o *seat) bool { return o.channel.Name == s.channel.Name }) {
		return ErrJoined
	}
	if most := c.hub.opt.MaxJoined; len(c.seats) >= most {
		return &FullError{ChannelsOfClient, most}
	}
	c.seats = append(c.seats, s)
	return nil
}

// welcome does what Join has to once messages come in: it reads what was before
// them, tells it first, and lets them follow.
func (c *Client) welcome(ctx context.Context, s *seat, opts *JoinOptions) (*Welcome, error) {
	h, ch := c.hub, s.channel.Channel
	w := &Welcome{Channel: ch.Name, You: c.self}
	if opts.Info != nil {
		w.You.Info = opts.Info
	}
	if ch.Namespace.Presence.TTL > 0 {
		w.You.Since = h.arrival()
		you := w.You
		s.you = &you
		if err := h.link.Enter(ctx, ch, w.You); err != nil {
			return nil, err
		}
		h.announce(ctx, ch, Joined, s.you)
		if !opts.NoMembers {
			var err error
			if w.Members, err = h.members(ctx, ch); err != nil {
				return nil, err
			}
		}
	}
	if ch.stores() {
		if err := c.readHistory(ctx, s, opts, w); err != nil {
			return nil, err
		}
		h.stats.countRecovery(opts, w)
	}
	var answer *Message
	if opts.Answer != nil {
		answer = opts.Answer(w)
	}
	greeting := w.Messages
	if opts.Greet != nil {
		greeting = opts.Greet(w)
	}
	if err := c.greet(s, w, answer, greeting); err != nil {
		return nil, err
	}
	return w, nil
}

// readsMost is how often Join reads the history anew because more was published
// meanwhile than the client's queue has room for.
const readsMost = 3

// readHistory fills in w what s asks for. What was published after it waits in s.
func (c *Client) readHistory(ctx context.Context, s *seat, opts *JoinOptions, w *Welcome) error {
	for range readsMost {
		if err := c.hub.readFor(ctx, s.channel.Channel, opts, w); err != nil {
			return err
		}
		c.mu.Lock()
		overran := s.overran
		if overran {
			s.waiting, s.bytes, s.overran = nil, 0, false
		}
		c.mu.Unlock()
		if !overran {
			return nil
		}
	}
	return ErrSlow
}

func (h *Hub) readFor(ctx context.Context, ch Channel, opts *JoinOptions, w *Welcome) error {
	if opts.Since != nil {
		page, err := h.link.Read(ctx, ch, Query{Since: opts.Since, Limit: -1})
		if err != nil {
			return err
		}
		if page.Complete {
			w.Recovered, w.Messages, w.Position = true, page.Messages, page.Top
			return nil
		}
	}
	page, err := h.link.Read(ctx, ch, Query{Limit: opts.Last, Reverse: true})
	if err != nil {
		return err
	}
	slices.Reverse(page.Messages)
	w.Recovered, w.Messages, w.Position = false, page.Messages, page.Top
	return nil
}

// greet queues the answer, the greeting, then what has come since the Welcome's
// moment.
func (c *Client) greet(s *seat, w *Welcome, answer *Message, greeting []*Message) error {
	c.mu.Lock()
	wake, err := c.greetLocked(s, w, answer, greeting)
	c.mu.Unlock()
	if wake {
		c.hub.flush(c)
	}
	return err
}

func (c *Client) greetLocked(s *seat, w *Welcome, answer *Message, greeting []*Message) (wake bool, err error) {
	switch {
	case c.why != nil:
		return false, c.why
	case s.left:
		return false, ErrNotJoined
	case s.overran:
		return false, ErrSlow
	}
	s.joining, s.held, s.after = false, false, w.Position.Offset
	if answer != nil {
		c.countLocked(offered, 1)
		wake = c.pushLocked(entry{answer, nil, true}) // no seat, with which it would be forgotten
	}
	for _, m := range greeting {
		c.countLocked(offered, 1)
		wake = c.pushLocked(entry{m, s, true}) || wake
	}
	waiting := s.waiting
	s.waiting, s.bytes = nil, 0
	for _, m := range waiting {
		if c.why == nil && (!m.stored() || m.Offset > s.after) {
			wake = c.offerLocked(s, m) || wake
		}
	}
	return wake, nil
}

// Leave takes the client out of a channel. What of it was not sent yet is not
// sent any more.
func (c *Client) Leave(ctx context.Context, channel string) error {
	s := c.seat(channel)
	if s == nil {
		return ErrNotJoined
	}
	c.hub.leave(ctx, s)
	return nil
}

// leave takes a seat from its client, and reports whether it did: it is not left
// yet, and not being joined. While that is so, Join does the rest.
func (h *Hub) leave(ctx context.Context, s *seat) bool {
	c := s.client
	c.mu.Lock()
	if s.left {
		c.mu.Unlock()
		return false
	}
	s.left = true
	c.seats = slices.DeleteFunc(c.seats, func(o *seat) bool { return o == s })
	c.countLocked(abandoned, c.queue.forget(s))
	joining := s.joining
	c.mu.Unlock()
	if !joining {
		h.standUp(ctx, s)
	}
	return !joining
}

// standUp takes a seat that was left out of its room.
func (h *Hub) standUp(ctx context.Context, s *seat) {
	s.channel.tiers.remove(s)
	if s.you != nil {
		ctx = context.WithoutCancel(ctx)
		h.exit(ctx, departure{s.channel.Channel, s.you.ID})
		h.announce(ctx, s.channel.Channel, Left, s.you)
	}
	h.stats.members.Add(-1)
	h.rooms.exit(s.channel)
}

// arrival is the time, a little later than that of the last arrival, so that the
// order of arrivals is sure.
func (h *Hub) arrival() time.Time {
	h.arrivals.mu.Lock()
	defer h.arrivals.mu.Unlock()
	t := now()
	if last := h.arrivals.last; !t.After(last) {
		t = last.Add(time.Nanosecond)
	}
	h.arrivals.last = t
	return t
}

// arrivals is when the last member came.
type arrivals struct {
	mu   sync.Mutex // guards last
	last time.Time
}

// announce tells the members who came or went.
func (h *Hub) announce(ctx context.Context, ch Channel, kind Kind, who *Member) {
	if !ch.Namespace.Presence.Announce {
		return
	}
	m := &Message{Channel: ch.Name, Kind: kind, From: who, Others: true}
	// A live message, so it may get lost: presence tells what is so.
	if _, err := h.link.Publish(ctx, ch, m, ""); err != nil && !errors.Is(err, ErrUnavailable) {
		h.opt.Logger.WarnContext(ctx, "hub: announcing failed", "channel", ch.Name, "err", err)
	}
}
