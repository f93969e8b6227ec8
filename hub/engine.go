package hub

import (
	"context"
	"time"
)

// An Engine is where what is published is ordered, stored and passed on to every
// node. Package enginetest has these obligations as tests.
type Engine interface {
	// Open links a node, which has the given namespaces, to the engine. What
	// is for the node goes to r until the Link is closed.
	Open(r Receiver, namespaces []Namespace) (Link, error)
}

// A Link is one node's link to its engine. Its methods may be called
// concurrently. While the engine cannot be reached those that need it return,
// without delay, an error that is [ErrUnavailable].
//
// A channel's name has any bytes but control characters: an engine for which
// some of them have a meaning encodes them. Two channels never meet because of
// how their names are written.
type Link interface {
	// Subscribe has messages that are published into ch from when it returns
	// on, anywhere, handed to the Receiver; with history those that are
	// stored, each once it is. Messages of ch are handed over one after
	// another: with history in the order of their offsets; without, those of
	// one node in the order in which it published them. With history Prev is
	// the offset of the message before it in the channel, whether or not that
	// was handed over: that is how a node notices what it missed.
	//
	// A node subscribes a channel once at a time.
	Subscribe(ctx context.Context, ch Channel) error

	// Unsubscribe ends that. Messages may still come for a moment.
	Unsubscribe(ch Channel)

	// Publish passes m, which is the engine's from then on, to every node that
	// has subscribed ch, its own included. It sets Position, Prev and Time. In
	// a channel with history a message of the kind [Data] is stored first, and
	// Publish returns nil only if it is, as safely as the engine can. If key
	// is not empty, and a message with that key was stored in ch within the
	// last two minutes ([IdempotencyWindow]), nothing is stored or passed on,
	// and the Receipt is the earlier one's with Duplicate set.
	Publish(ctx context.Context, ch Channel, m *Message, key string) (Receipt, error)

	// Read returns messages of ch's history.
	Read(ctx context.Context, ch Channel, q Query) (Page, error)

	// Enter makes m a member of ch as long as this node lives; Exit ends that.
	// Members are those of all nodes. When a node dies without a word its
	// members vanish after the TTL of the namespace's Presence; what a node
	// does to keep the lease costs nothing per member.
	Enter(ctx context.Context, ch Channel, m Member) error
	Exit(ctx context.Context, ch Channel, id string) error
	Members(ctx context.Context, ch Channel) ([]Member, error)

	// Close takes this node's members out, as far as the engine can be
	// reached, and ends everything that the Link does.
	Close() error
}

// A Receiver is a node, as its engine sees it.
type Receiver interface {
	// Receive takes a message of a channel that was subscribed. It does not
	// wait, and it does not call the Link: so it may be called with a lock
	// held that keeps the messages in order.
	Receive(m *Message)

	// Away says that the engine cannot be reached any more, and Back that it
	// can be again: what came in between may be missing, so the node looks
	// at the position of each channel. They do not wait.
	Away(err error)
	Back()
}

// An Asker is a Link over which a node can ask the others of its engine. That is
// how [Hub.Disconnect], [Hub.Unsubscribe], [Hub.Channels] and [Hub.Nodes] reach
// them; a hub whose Link is none speaks for itself alone.
type Asker interface {
	// Ask hands question, of [MaxQuestion] bytes at the most, to every other
	// node whose Receiver is an [Answerer], and returns what they answer, in no
	// order. It returns once every node that is known to live has answered, or
	// the link of one that has not was closed, or ctx ends: silent is how many
	// have not answered. A node that died without a word may count as silent
	// until its lease has run out. The error is the engine's, such as
	// [ErrUnavailable]; that a node is silent is none.
	Ask(ctx context.Context, question []byte) (answers [][]byte, silent int, err error)
}

// An Answerer is a Receiver that other nodes may ask.
type Answerer interface {
	// Answer answers another node, with [MaxAnswer] bytes at the most. It may
	// call the Link: so the engine calls it on no goroutine that this needs,
	// and also for several questions at once. It does not keep question.
	Answer(question []byte) []byte
}

// Bounds of what nodes ask each other, in bytes.
const (
	MaxQuestion = 16 << 10
	MaxAnswer   = 256 << 10
)

// IdempotencyWindow is how long a message's idempotency key is remembered.
const IdempotencyWindow = 2 * time.Minute

// A Query asks for messages of a channel's history.
type Query struct {
	Since   *Position // those after it, or if Reverse before it; nil: all
	Limit   int       // so many at the most; 0: none, only the position; negative: all
	Reverse bool      // the newest first
}

// A Page is a part of a channel's history, as of one moment.
type Page struct {
	Messages []*Message
	Top      Position // of the newest message there has been

	// Complete: Messages are all there were after Since, without a gap: none
	// has expired, overflowed or been cut off by Limit, and the epoch is the
	// same. An engine that cannot be sure says no.
	Complete bool
}

// A Receipt is what is known of a message that was published.
type Receipt struct {
	Position       // where it is stored; zero: it is not stored
	Duplicate bool // it was stored before, under the same idempotency key
}

// A Member is who is in a channel.
type Member struct {
	ID        string    // of the client; unique
	Principal string    // who that is, as the program said
	Info      []byte    // what else the program wants others to know; not to be changed
	Since     time.Time // when it joined; of a client that is in no channel, when it connected
}
