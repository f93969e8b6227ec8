package wire

// A Violation is a rule that the peer broke. The values are this package's own
// and made once: none is made while data flows, and none may be changed.
//
// A nil *Violation means that all is well; it must not be assigned to a
// variable of type error.
type Violation struct {
	Code    StatusCode // which fails the connection
	Section string     // of RFC 6455, such as "5.5.1"
	Rule    string     // what the peer did, for people; under 124 bytes
}

// Error says what the peer did and which section of RFC 6455 forbids it.
func (v *Violation) Error() string {
	return "websocket: " + v.Rule + " (RFC 6455 §" + v.Section + ")"
}

// Every violation that a Receiver can report, in the order of RFC 6455.
var (
	errUnmasked   = &Violation{StatusProtocolError, "5.1", "frame from a client without a mask"}
	errMasked     = &Violation{StatusProtocolError, "5.1", "frame from a server with a mask"}
	errReserved   = &Violation{StatusProtocolError, "5.2", "reserved bit set but no extension agreed"}
	errOpcode     = &Violation{StatusProtocolError, "5.2", "reserved opcode"}
	errLongForm   = &Violation{StatusProtocolError, "5.2", "length not in its shortest form"}
	errTopBit     = &Violation{StatusProtocolError, "5.2", "length with its highest bit set"}
	errNoMessage  = &Violation{StatusProtocolError, "5.4", "continuation of no message"}
	errInterleave = &Violation{StatusProtocolError, "5.4", "new message inside a fragmented one"}
	errCtlLong    = &Violation{StatusProtocolError, "5.5", "control frame over 125 bytes"}
	errCtlFrag    = &Violation{StatusProtocolError, "5.5", "fragmented control frame"}
	errCloseShort = &Violation{StatusProtocolError, "5.5.1", "Close payload of one byte"}
	errCloseText  = &Violation{StatusInvalidFramePayloadData, "5.5.1", "Close reason is not UTF-8"}
	errCloseCode  = &Violation{StatusProtocolError, "7.4", "status code not allowed in a Close frame"}
	errText       = &Violation{StatusInvalidFramePayloadData, "8.1", "text is not UTF-8"}
	errTooBig     = &Violation{StatusMessageTooBig, "10.4", "message over the limit"}
	errTooMany    = &Violation{StatusMessageTooBig, "10.4", "message in too many fragments"}
)
