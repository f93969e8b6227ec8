package wire

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
)

// What a Sender refuses to append. Nothing was appended then, and the
// connection is as usable as it was.
var (
	// ErrClosed: a Close frame was sent or is owed. "The application MUST NOT
	// send any more data frames after sending a Close frame." RFC 6455 §5.5.1.
	ErrClosed = errors.New("websocket: connection is closing")

	// ErrFragmenting: a fragmented message was begun and must be ended first,
	// for "fragments of one message MUST NOT be interleaved between the
	// fragments of another". RFC 6455 §5.4.
	ErrFragmenting = errors.New("websocket: a fragmented message is not ended yet")

	// ErrOpcode: the opcode is neither OpText nor OpBinary.
	ErrOpcode = errors.New("websocket: a message is text or binary")

	// ErrMustMask: a client asked for a header alone, but must mask what
	// follows it.
	ErrMustMask = errors.New("websocket: a client sends no payload as it is")

	// ErrLength: a length is negative.
	ErrLength = errors.New("websocket: length is negative")
)

// A Sender appends what this end sends, and knows what it owes the peer: at
// most a keepalive ping, a ping of the application's, a pong and a Close,
// however much the peer sends.
//
// Its methods append whole frames, in the order in which the bytes must reach
// the peer. They may be called in any order, but not at the same time. The zero
// value is a server's, with the default Options.
type Sender struct {
	// Seed makes the moments of keepalive pings random and, in tests, known.
	// Zero means that MaskKey, or else crypto/rand, is asked when the first
	// moment is needed.
	Seed uint64

	// Plain asks for messages that begin from now on to go uncompressed,
	// whatever was agreed. It may change between any two calls.
	Plain bool

	opt         *Options
	state       SendState
	fragmenting bool // a message was begun in fragments and not ended
	owed        owed
	code        StatusCode // of the Close that is owed; 0 or StatusNoStatusRcvd: none
	reason      string     // of that Close
	pong        []byte     // payload of the pong that is owed
	ping        []byte     // payload of the application's ping that is owed
	since       Instant    // when the Close became owed
	beat        heartbeat
	deflation   *deflation // as was agreed; nil: messages go uncompressed
}

// SendState says what may still be sent.
type SendState uint8

// The states of a Sender. Only [Sender.turn] changes them.
const (
	// Open: everything. Left for Closing by Close, for Closed by a Close
	// event, for Failing by a Failed event.
	Open SendState = iota

	// Closing: our Close, if still owed, and pongs. The peer's Close is
	// awaited. Left for Closed by a Close event, for Failing by a Failed one.
	Closing

	// Failing: our Close, if still owed. Nobody reads an answer: send it,
	// then half-close and wait, with a bound, for the transport to end.
	// Never left.
	Failing

	// Closed: our Close, if still owed. The peer's has come; then close the
	// transport, a server at once, a client after a bounded wait for the
	// server to do so (RFC 6455 §7.1.1). Never left.
	Closed
)

// String returns the state's name in lower case.
func (s SendState) String() string {
	names := [...]string{"open", "closing", "failing", "closed"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown state"
}

// owed is a set of frames that the peer is to get.
type owed uint8

const (
	owePing    owed = 1 << iota // a keepalive ping
	oweAppPing                  // the application's
	owePong
	oweClose
)

// NewSender returns a Sender in the state Open. A nil opt means the zero
// Options.
func NewSender(opt *Options) Sender { return Sender{opt: opt} }

// State returns what may still be sent.
func (s *Sender) State() SendState { return s.state }

// Owes reports whether [Sender.AppendReplies] would append something.
func (s *Sender) Owes() bool { return s.owed != 0 }

// AppendMessage appends a message of op, OpText or OpBinary, in one frame. It
// keeps nothing of p, which must not lie in the free part of dst. A text must be
// valid UTF-8: see [ValidText].
//
// If compression was agreed, it compresses messages that have the threshold's
// bytes, and sends them so if that is shorter.
func (s *Sender) AppendMessage(dst []byte, op Opcode, p []byte) ([]byte, error) {
	if err := s.mayBegin(op); err != nil {
		return dst, err
	}
	return s.appendMessage(dst, op, p), nil
}

// AppendHeader appends only the header of a message of n bytes, for a server
// whose transport gathers: the n bytes of payload must follow it to the peer
// before anything else that this Sender appends. It is not compressed.
func (s *Sender) AppendHeader(dst []byte, op Opcode, n int) ([]byte, error) {
	if err := s.mayBegin(op); err != nil {
		return dst, err
	}
	switch {
	case s.options().Client:
		return dst, ErrMustMask
	case n < 0:
		return dst, ErrLength
	}
	return AppendHeader(dst, Header{Fin: true, Op: op, Len: uint64(n)}), nil
}

// AppendFragment appends the next frame of a message in fragments, and with fin
// its last. The first carries op; in later calls op is not looked at. Between
// two fragments AppendReplies may append control frames, but a whole message
// may not be appended.
//
// If compression was agreed, a message is compressed whose first fragment has
// the threshold's bytes. Each further one should have some hundred, too: it costs
// five bytes and codes of its own.
func (s *Sender) AppendFragment(dst []byte, op Opcode, p []byte, fin bool) ([]byte, error) {
	switch {
	case s.state != Open:
		return dst, ErrClosed
	case s.fragmenting:
		op = OpContinuation
	case !op.message():
		return dst, ErrOpcode
	}
	s.fragmenting = !fin
	return s.appendPart(dst, Header{Fin: fin, Op: op}, p), nil
}

// mayBegin reports why a message may not begin.
func (s *Sender) mayBegin(op Opcode) error {
	switch {
	case s.state != Open:
		return ErrClosed
	case s.fragmenting:
		return ErrFragmenting
	case !op.message():
		return ErrOpcode
	}
	return nil
}

// appendFrame appends the frame that h begins and p fills, masked if this is
// the client. "A client MUST mask all frames that it sends to the server";
// "a server MUST NOT mask any frames that it sends to the client." RFC 6455
// §5.1.
func (s *Sender) appendFrame(dst []byte, h Header, p []byte) []byte {
	h.Len = uint64(len(p))
	if s.options().Client {
		h.Masked, h.Key = true, s.maskKey()
	}
	dst = append(AppendHeader(dst, h), p...)
	if h.Masked {
		Mask(dst[len(dst)-len(p):], h.Key)
	}
	return dst
}

// maskKey returns an unpredictable key.
func (s *Sender) maskKey() uint32 {
	if f := s.options().MaskKey; f != nil {
		return f()
	}
	var b [4]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

func (s *Sender) options() *Options {
	if s.opt == nil {
		return &defaults
	}
	return s.opt
}
