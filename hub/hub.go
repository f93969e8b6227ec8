package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options are a hub's.
type Options struct {
	// Engine stores and orders. nil: one in memory, for this hub alone.
	Engine Engine

	// Namespaces are what channels there are. They are copied.
	Namespaces []Namespace

	// QueueMessages and QueueBytes bound what waits to be sent to one client.
	// 0: 1,024 messages and 1 MiB.
	QueueMessages, QueueBytes int

	MaxMessage  int // bytes of one message; 0: 1 MiB
	MaxChannels int // channels that have members here, at a time; 0: 1,000,000
	MaxJoined   int // channels that one client is in, at a time; 0: 128

	// CheckEvery is how often the position of each channel with history is
	// compared with the engine's, so that a message that got lost on the way
	// is noticed though no other follows. 0: a third of the shortest TTL of
	// the namespaces, and 10 seconds at the most.
	CheckEvery time.Duration

	// Name and Version are what [Hub.Nodes] tells of this node, on every node.
	Name, Version string

	// Logger gets what nobody else is told. nil: [slog.Default].
	Logger *slog.Logger
}

// A Hub is one node: the channels that have members here, and these. Its methods
// may be called concurrently.
type Hub struct {
	opt        Options
	namespaces map[string]*Namespace
	link       Link
	rooms      rooms
	clients    clients
	flushers   []flusher
	stats      counters
	id         string // of this node
	began      time.Time

	ctx      context.Context // ends with the hub; its cause is ErrClosed
	cancel   context.CancelCauseFunc
	tasks    tasks
	check    check
	owed     departures
	arrivals arrivals
}

// New opens a hub. The caller closes it.
func New(opts Options) (*Hub, error) {
	h := &Hub{
		opt:        opts,
		namespaces: make(map[string]*Namespace, len(opts.Namespaces)),
		id:         rand.Text()[:12],
		began:      now(),
	}
	orInt := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	orInt(&h.opt.QueueMessages, 1024)
	orInt(&h.opt.QueueBytes, 1<<20)
	orInt(&h.opt.MaxMessage, 1<<20)
	orInt(&h.opt.MaxChannels, 1_000_000)
	orInt(&h.opt.MaxJoined, 128)
	if h.opt.Logger == nil {
		h.opt.Logger = slog.Default()
	}
	h.opt.Namespaces = slices.Clone(opts.Namespaces)
	for i := range h.opt.Namespaces {
		ns := &h.opt.Namespaces[i]
		if err := ns.check(); err != nil {
			return nil, err
		}
		if h.namespaces[ns.Name] != nil {
			return nil, fmt.Errorf("hub: namespace %q: there are two", ns.Name)
		}
		h.namespaces[ns.Name] = ns
	}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	h.rooms.init(h)
	h.clients.init()
	h.flushers = make([]flusher, runtime.GOMAXPROCS(0))
	for i := range h.flushers {
		h.flushers[i].hub = h
	}
	engine := opts.Engine
	if engine == nil {
		engine = NewMemory(nil)
	}
	link, err := engine.Open(receiver{h}, h.opt.Namespaces)
	if err != nil {
		h.cancel(err)
		return nil, fmt.Errorf("hub: opening the engine: %w", err)
	}
	h.link = link
	h.check.init(h)
	return h, nil
}

// Close ends every client, with [ErrClosed] to its Outlet, waits until they have
// said goodbye, and leaves the engine. Nothing of the hub's runs then.
func (h *Hub) Close() error {
	for _, c := range h.clients.close() {
		c.mu.Lock()
		c.endLocked(ErrClosed)
		c.mu.Unlock()
	}
	h.cancel(ErrClosed)
	h.check.stop()
	h.tasks.wait()
	return h.link.Close()
}

// PublishOptions say more about a message. The zero value is a text that is
// stored if the channel has history.
type PublishOptions struct {
	Binary bool   // data is no text
	Key    string // what the message is about, where the namespace conflates

	// IdempotencyKey makes it safe to publish again when it is not known
	// whether it went well: with the same key within two minutes the message
	// is stored once. It needs a channel with history. At most 255 bytes.
	IdempotencyKey string

	// Others: the client that publishes does not get the message itself.
	Others bool
}

// Publish publishes data as the program's own, which may do so anywhere. It
// copies data, and waits for no member. That it returned nil means for a channel
// with history that the message is stored, at the position in the Receipt.
func (h *Hub) Publish(ctx context.Context, channel string, data []byte, opts *PublishOptions) (Receipt, error) {
	ch, err := h.channel(channel)
	if err != nil {
		return Receipt{}, err
	}
	return h.publish(ctx, ch, data, opts, nil)
}

// Publish publishes data as the client's, if MayPublish says so. It need not be in
// the channel.
func (c *Client) Publish(ctx context.Context, channel string, data []byte, opts *PublishOptions) (Receipt, error) {
	ch, err := c.hub.channel(channel)
	if err != nil {
		return Receipt{}, err
	}
	if err := c.Err(); err != nil {
		return Receipt{}, err
	}
	if err := may(ctx, ch.Namespace.MayPublish, "publish", ch, c); err != nil {
		return Receipt{}, err
	}
	return c.hub.publish(ctx, ch, data, opts, &c.self)
}

func (h *Hub) publish(ctx context.Context, ch Channel, data []byte, opts *PublishOptions, from *Member) (Receipt, error) {
	var o PublishOptions
	if opts != nil {
		o = *opts
	}
	switch {
	case len(data) > h.opt.MaxMessage:
		return Receipt{}, fmt.Errorf("%w: %d bytes, want %d at most", ErrTooLong, len(data), h.opt.MaxMessage)
	case len(o.Key) > MaxName || len(o.IdempotencyKey) > MaxName:
		return Receipt{}, fmt.Errorf("%w: its keys are bounded to %d bytes", ErrTooLong, MaxName)
	case o.IdempotencyKey != "" && !ch.stores():
		return Receipt{}, fmt.Errorf("%w, so an idempotency key would mean nothing", ErrNoHistory)
	case h.ctx.Err() != nil:
		return Receipt{}, ErrClosed
	}
	m := &Message{Channel: ch.Name, Data: slices.Clone(data), Binary: o.Binary, Key: o.Key, From: from, Others: o.Others}
	n := len(data) // m is the engine's from now on
	began := time.Now()
	r, err := h.link.Publish(ctx, ch, m, o.IdempotencyKey)
	if err != nil {
		h.stats.unpublished.Add(1)
		return r, err
	}
	h.stats.publishing.observe(time.Since(began))
	h.stats.published.Add(1)
	h.stats.publishedBytes.Add(uint64(n))
	return r, nil
}

// History reads the history of a channel. A program may read any; for a client
// see [JoinOptions].
func (h *Hub) History(ctx context.Context, channel string, q Query) (Page, error) {
	ch, err := h.channel(channel)
	if err != nil {
		return Page{}, err
	}
	if !ch.stores() {
		return Page{}, ErrNoHistory
	}
	return h.link.Read(ctx, ch, q)
}

// Members are those of a channel with presence, on every node, in the order in
// which they joined.
func (h *Hub) Members(ctx context.Context, channel string) ([]Member, error) {
	ch, err := h.channel(channel)
	if err != nil {
		return nil, err
	}
	return h.members(ctx, ch)
}

func (h *Hub) members(ctx context.Context, ch Channel) ([]Member, error) {
	if ch.Namespace.Presence.TTL == 0 {
		return nil, ErrNoPresence
	}
	members, err := h.link.Members(ctx, ch)
	slices.SortFunc(members, func(a, b Member) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return members, err
}

// PresenceStats is how many there are in a channel.
type PresenceStats struct {
	Clients    int
	Principals int // different ones; those without a name are one
}

// PresenceStats counts the members of a channel with presence, on every node.
func (h *Hub) PresenceStats(ctx context.Context, channel string) (PresenceStats, error) {
	members, err := h.Members(ctx, channel)
	if err != nil {
		return PresenceStats{}, err
	}
	principals := make(map[string]struct{})
	for _, m := range members {
		principals[m.Principal] = struct{}{}
	}
	return PresenceStats{len(members), len(principals)}, nil
}

var errIdleOutlet = errors.New("hub: the outlet neither sends nor says why")
