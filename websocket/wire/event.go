package wire

// Kind says what an [Event] is.
type Kind uint8

// The kinds of events.
const (
	None    Kind = iota // nothing, until more input was received
	Message             // a whole message: Op, Data, Owned
	Chunk               // a part of a message: Op, Data, Owned, Final
	Ping                // to be answered: Data
	Pong                // the answer to a ping, or unasked for: Data
	Close               // the peer's Close: Code, and in Data the reason; the last event
	Failed              // the peer broke a rule: Code, Why; the last event
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	names := [...]string{"none", "message", "chunk", "ping", "pong", "close", "failed"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown kind"
}

// Event is what [Receiver.Next] found. It is a value without pointers to
// itself, and making one allocates nothing.
type Event struct {
	Kind Kind

	// Op is OpText or OpBinary, for a Message or Chunk.
	Op Opcode

	// Owned says that the Receiver has let go of Data, all its capacity
	// included: it is the caller's for good. Otherwise Data lies in the
	// scratch buffer, or, of a compressed message, in one of the Receiver's,
	// and may be written to but not grown, until the next call of Next, Space
	// or Release.
	Owned bool

	// Final says that this Chunk ends its message. Only then may it be empty.
	Final bool

	// Code is what the peer's Close frame says, StatusNoStatusRcvd if
	// nothing; or, of Failed, what ours is to say.
	Code StatusCode

	// Data is the unmasked payload. Text, and the reason of a Close, is valid
	// UTF-8; a Chunk of text may end inside a code point, which can still
	// become valid.
	Data []byte

	// Why is the broken rule, of Failed.
	Why *Violation
}
