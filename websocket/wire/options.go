package wire

import "math"

// Instant is a moment, or a span between two, in nanoseconds of the caller's
// monotonic clock. Any zero will do for the clock, but it must not be left.
type Instant int64

// plus returns t after d, or the last Instant there is.
func (t Instant) plus(d Instant) Instant {
	if d > 0 && t > maxInstant-d {
		return maxInstant
	}
	return t + d
}

const maxInstant Instant = 1<<63 - 1

// Options say how an endpoint behaves. They serve any number of Receivers and
// Senders, which only read them and keep the pointer: they must not change once
// in use. The zero value is a server's, with the default limits and no timers.
type Options struct {
	// Client says that this end is the client: it masks what it sends, and
	// its peer must not.
	Client bool

	// MaxMessage is the most bytes that a message may have, also one that
	// comes in chunks. A compressed one may have so many once inflated, and
	// before that an eighth and a KiB more. Zero or less means 1 MiB.
	MaxMessage int

	// MaxFragments is the most frames that a message may have, empty ones
	// included. Zero or less means 65,536.
	MaxFragments int

	// Alloc returns a buffer of len size or more, all of whose capacity is
	// the Receiver's, for a message that comes in parts. It goes to whoever
	// gets the event that owns it, or to Free; that of a message that never
	// ends is left to the garbage collector. Nil means make.
	Alloc func(size int) []byte

	// Free takes a buffer back that no event has handed out: it was outgrown,
	// or held what was compressed. Most come from Alloc; all are the taker's.
	// Nil leaves them to the garbage collector.
	Free func(b []byte)

	// MaskKey returns the masking key of a client's next frame, which "needs
	// to be unpredictable; thus, the masking key MUST be derived from a strong
	// source of entropy", RFC 6455 §5.3. Senders may call it at the same time.
	// Nil means crypto/rand, at the price of a call for each frame.
	MaskKey func() uint32

	// PingAfter is the silence after which the peer is owed a ping, less a
	// random tenth at most, so that many connections do not ping at once.
	// Zero means never.
	PingAfter Instant

	// PongWait is how long after such a ping was appended the peer may stay
	// silent before it counts as lost. Zero means for ever.
	PongWait Instant

	// CloseWait is how long after a Close became owed the closing handshake
	// may take. Zero means for ever.
	CloseWait Instant
}

// defaults serve a Receiver or a Sender that was made without Options.
var defaults Options

func (o *Options) maxMessage() int {
	if o.MaxMessage > 0 {
		return o.MaxMessage
	}
	return 1 << 20
}

// maxWire is the most bytes that the frames of a message may have. What does not
// compress becomes a little longer, and more so in many fragments.
func (o *Options) maxWire(zipped bool) int {
	most := o.maxMessage()
	if more := most>>3 + 1<<10; zipped && most <= math.MaxInt-more {
		most += more
	}
	return most
}

func (o *Options) maxFragments() int {
	if o.MaxFragments > 0 {
		return o.MaxFragments
	}
	return 1 << 16
}
