package wire

import "strconv"

// A Violation is a rule that the peer broke. The values are this package's own
// and made once: none is made while data flows, and none may be changed.
//
// A nil *Violation means that all is well; it must not be assigned to a
// variable of type error.
type Violation struct {
	Code    StatusCode // which fails the connection
	Section string     // of the RFC, such as "5.5.1"
	Rule    string     // what the peer did, for people; under 124 bytes
	RFC     int        // its number; 0 means 6455
}

// Error says what the peer did and which section of which RFC forbids it.
func (v *Violation) Error() string {
	rfc := 6455
	if v.RFC != 0 {
		rfc = v.RFC
	}
	return "websocket: " + v.Rule + " (RFC " + strconv.Itoa(rfc) + " §" + v.Section + ")"
}

// Every violation that a Receiver can report, in the order of RFC 6455 and then
// of RFC 7692.
var (
	errUnmasked   = &Violation{StatusProtocolError, "5.1", "frame from a client without a mask", 0}
	errMasked     = &Violation{StatusProtocolError, "5.1", "frame from a server with a mask", 0}
	errReserved   = &Violation{StatusProtocolError, "5.2", "reserved bit set but no extension agreed", 0}
	errOpcode     = &Violation{StatusProtocolError, "5.2", "reserved opcode", 0}
	errLongForm   = &Violation{StatusProtocolError, "5.2", "length not in its shortest form", 0}
	errTopBit     = &Violation{StatusProtocolError, "5.2", "length with its highest bit set", 0}
	errNoMessage  = &Violation{StatusProtocolError, "5.4", "continuation of no message", 0}
	errInterleave = &Violation{StatusProtocolError, "5.4", "new message inside a fragmented one", 0}
	errCtlLong    = &Violation{StatusProtocolError, "5.5", "control frame over 125 bytes", 0}
	errCtlFrag    = &Violation{StatusProtocolError, "5.5", "fragmented control frame", 0}
	errCloseShort = &Violation{StatusProtocolError, "5.5.1", "Close payload of one byte", 0}
	errCloseText  = &Violation{StatusInvalidFramePayloadData, "5.5.1", "Close reason is not UTF-8", 0}
	errCloseCode  = &Violation{StatusProtocolError, "7.4", "status code not allowed in a Close frame", 0}
	errText       = &Violation{StatusInvalidFramePayloadData, "8.1", "text is not UTF-8", 0}
	errTooBig     = &Violation{StatusMessageTooBig, "10.4", "message over the limit", 0}
	errTooMany    = &Violation{StatusMessageTooBig, "10.4", "message in too many fragments", 0}

	errCompressed = &Violation{StatusProtocolError, "6.1", "compressed bit on a control frame or continuation", 7692}

	// What is damaged is neither text nor binary. No RFC names a code for it:
	// 1007 is for "data within a message that was not consistent with the type
	// of the message", RFC 6455 §7.4.1, while the frames it came in broke no
	// rule of 1002.
	errDeflate = &Violation{StatusInvalidFramePayloadData, "7.2.2", "compressed data is damaged", 7692}
	errWindow  = &Violation{StatusInvalidFramePayloadData, "7.2.1", "compressed data refers back beyond the agreed window", 7692}
)
