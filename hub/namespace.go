package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest name of a channel, in bytes.
const MaxName = 255

// A Namespace says what its channels are: those called Name, a colon, and
// something more. The channels of the namespace "" have no colon in their names.
type Namespace struct {
	Name     string   // up to 64 of a–z, 0–9, - and _
	History  History  // zero: its channels are live
	Presence Presence // zero: nobody is told who is there
	Slow     Slow     // what happens to members that are too slow

	// MaySubscribe and MayPublish judge what a client asks for; an error says
	// why not. nil: no client may. Anyone lets everybody. What the program
	// does itself, with [Hub.Publish], is not judged.
	MaySubscribe func(context.Context, Request) error
	MayPublish   func(context.Context, Request) error

	// MaxChannels bounds the channels that have members on this node, and
	// MaxMembers the members of one of them here. 0: the hub's bounds alone.
	MaxChannels int
	MaxMembers  int
}

// History says how much of a channel is kept. It is off unless both are set.
type History struct {
	Size int           // messages
	TTL  time.Duration // of each message
}

// Presence says whether the members of a channel are known.
type Presence struct {
	// TTL is how long after the crash of a node its members are still listed.
	// 0: there is no presence.
	TTL time.Duration

	// Announce sends a message of the kind [Joined] or [Left] to the members
	// when another comes or goes by itself. They are not stored.
	Announce bool
}

// Slow is what happens when a message does not fit a member's queue, which
// happens to a member whose connection takes less than is published. Each
// message that is lost is counted in [Stats].
type Slow uint8

// The policies. Channels with history know one: Disconnect.
const (
	Disconnect Slow = iota // the client is disconnected with [ErrSlow]
	DropNewest             // the message is lost
	DropOldest             // the channel's oldest in the queue is lost
	// Conflate lets a message take the place of an earlier one with the same
	// key that a slow member has not got yet. One without a key, or of a key
	// that does not wait, drops the oldest if the queue is full.
	Conflate
)

// A Request is what a client asks for.
type Request struct {
	Channel   string
	Client    string // its ID
	Principal string // who it is, as the program said; empty: nobody known
}

// Anyone is a MaySubscribe or MayPublish that refuses nothing.
func Anyone(context.Context, Request) error { return nil }

// A Channel is a name that was found fit, with its namespace. The namespace is
// shared and must not be changed.
type Channel struct {
	Name      string
	Namespace *Namespace
}

// stores reports whether the channel has history.
func (ch Channel) stores() bool { return ch.Namespace.History.Size > 0 }

func (n *Namespace) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("hub: namespace %q: "+format, append([]any{n.Name}, args...)...)
	}
	if len(n.Name) > 64 {
		return bad("the name is longer than 64 bytes")
	}
	for _, r := range n.Name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return bad("the name has %q, want a–z, 0–9, - and _", r)
		}
	}
	switch {
	case n.History.Size < 0 || n.History.TTL < 0 || n.Presence.TTL < 0:
		return bad("a negative size or TTL")
	case (n.History.Size > 0) != (n.History.TTL > 0):
		return bad("history needs both a size and a TTL")
	case n.Presence.Announce && n.Presence.TTL == 0:
		return bad("what is announced is presence, which needs a TTL")
	case n.Slow > Conflate:
		return bad("there is no policy %d for slow members", n.Slow)
	case n.History.Size > 0 && n.Slow != Disconnect:
		return bad("a channel with history loses nothing: slow members can only be disconnected")
	}
	return nil
}

// Channel finds the namespace that a channel belongs to, and judges its name.
func (h *Hub) Channel(name string) (Channel, error) { return h.channel(name) }

// channel finds the namespace that name belongs to. A name is 1 to [MaxName]
// bytes of UTF-8 without control characters; whatever else is in it has no
// meaning to the hub.
func (h *Hub) channel(name string) (Channel, error) {
	if err := checkName(name); err != nil {
		return Channel{}, err
	}
	space, rest, found := strings.Cut(name, ":")
	if !found {
		space, rest = "", name
	}
	ns := h.namespaces[space]
	switch {
	case ns == nil:
		return Channel{}, fmt.Errorf("%w: %q, of channel %.64q", ErrNoNamespace, space, name)
	case rest == "":
		return Channel{}, &NameError{name, "there is nothing after the colon"}
	}
	return Channel{name, ns}, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return &NameError{name, "the name is empty"}
	case len(name) > MaxName:
		return &NameError{name, fmt.Sprintf("the name has %d bytes, want %d at most", len(name), MaxName)}
	case !utf8.ValidString(name):
		return &NameError{name, "the name is not valid UTF-8"}
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return &NameError{name, fmt.Sprintf("the name has the control character %U", r)}
		}
	}
	return nil
}

// may asks judge about what c wants.
func may(ctx context.Context, judge func(context.Context, Request) error, action string, ch Channel, c *Client) error {
	if judge == nil {
		return &DeniedError{Action: action, Channel: ch.Name}
	}
	err := judge(ctx, Request{ch.Name, c.self.ID, c.self.Principal})
	if err == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return &DeniedError{action, ch.Name, err}
}
