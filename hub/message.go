package hub

import (
	"sync"
	"time"
)

// Kind says what a message is about.
type Kind uint8

// The kinds of messages.
const (
	Data    Kind = iota // somebody published Data
	Joined              // From has joined the channel: see [Presence]
	Left                // From has left it
	Removed             // to one client alone: [Hub.Unsubscribe] has taken it out of Channel
)

// A Message is what members get. It is shared by all of them and does not change
// once it was published: nothing it refers to may be written to.
type Message struct {
	Channel string
	Kind    Kind
	Data    []byte
	Binary  bool   // Data is no text: for transports that tell the two apart
	Key     string // newer messages of the same key take this one's place, where the namespace conflates

	// Position is where the message stands in the channel's history, and Prev
	// the offset of the one before it there. Of a message that is not stored
	// both are zero.
	Position
	Prev uint64

	Time   time.Time // when the engine took it
	From   *Member   // who published it, joined or left; nil: this program did
	Others bool      // it is not for From

	forms forms
}

// Position is a place in a channel's history. Offsets are opaque and strictly
// increasing within an epoch: the one that follows need not be the next number.
// Another epoch is another history. The zero Position is before any message.
type Position struct {
	Epoch  string
	Offset uint64
}

// stored reports whether m is part of a history.
func (m *Message) stored() bool { return m.Offset != 0 }

// Form returns what m becomes on one kind of transport, which make makes: once
// for each key, however many members ask for it, also at the same time. A key
// must be comparable; a package uses keys of a type of its own.
func (m *Message) Form(key any, make func(*Message) any) any { return m.forms.get(key, m, make) }

// forms is a message in its forms, of which there are few: one for each way of
// encoding that members use.
type forms struct {
	mu    sync.Mutex
	first form // most messages have one
	more  []form
}

type form struct{ key, value any }

func (f *forms) get(key any, m *Message, make func(*Message) any) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first.key == key {
		return f.first.value
	}
	for _, x := range f.more {
		if x.key == key {
			return x.value
		}
	}
	x := form{key, make(m)}
	if f.first.key == nil {
		f.first = x
	} else {
		f.more = append(f.more, x)
	}
	return x.value
}
