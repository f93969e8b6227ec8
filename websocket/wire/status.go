package wire

import "strconv"

// StatusCode says why a connection is closed. RFC 6455 §7.4.
type StatusCode uint16

// The status codes of RFC 6455 §7.4.1 and of the registry that §11.7 began.
const (
	StatusNormalClosure           StatusCode = 1000
	StatusGoingAway               StatusCode = 1001
	StatusProtocolError           StatusCode = 1002
	StatusUnsupportedData         StatusCode = 1003
	StatusNoStatusRcvd            StatusCode = 1005 // a Close frame without a code; never on the wire
	StatusAbnormalClosure         StatusCode = 1006 // no Close frame at all; never on the wire
	StatusInvalidFramePayloadData StatusCode = 1007
	StatusPolicyViolation         StatusCode = 1008
	StatusMessageTooBig           StatusCode = 1009
	StatusMandatoryExtension      StatusCode = 1010
	StatusInternalError           StatusCode = 1011
	StatusServiceRestart          StatusCode = 1012
	StatusTryAgainLater           StatusCode = 1013
	StatusBadGateway              StatusCode = 1014
	StatusTLSHandshake            StatusCode = 1015 // the TLS handshake failed; never on the wire
)

// String returns the code's name for people, such as "going away", or for a
// code without one its number, such as "status 4001".
func (c StatusCode) String() string {
	switch c {
	case StatusNormalClosure:
		return "normal closure"
	case StatusGoingAway:
		return "going away"
	case StatusProtocolError:
		return "protocol error"
	case StatusUnsupportedData:
		return "unsupported data"
	case StatusNoStatusRcvd:
		return "no status received"
	case StatusAbnormalClosure:
		return "abnormal closure"
	case StatusInvalidFramePayloadData:
		return "invalid frame payload data"
	case StatusPolicyViolation:
		return "policy violation"
	case StatusMessageTooBig:
		return "message too big"
	case StatusMandatoryExtension:
		return "mandatory extension"
	case StatusInternalError:
		return "internal error"
	case StatusServiceRestart:
		return "service restart"
	case StatusTryAgainLater:
		return "try again later"
	case StatusBadGateway:
		return "bad gateway"
	case StatusTLSHandshake:
		return "TLS handshake"
	}
	return "status " + strconv.Itoa(int(c))
}

// Valid reports whether an endpoint may send c in a Close frame: a code that
// RFC 6455 §7.4.1 or the registry gives to the wire, or one of the ranges for
// libraries, 3000 to 3999, and for applications, 4000 to 4999, of §7.4.2.
func (c StatusCode) Valid() bool {
	switch {
	case c >= 3000:
		return c <= 4999
	case c < StatusNormalClosure || c > StatusBadGateway:
		return false
	}
	// "1004 Reserved." "1005 is a reserved value and MUST NOT be set as a
	// status code in a Close control frame by an endpoint." The same is said
	// of 1006 and 1015. RFC 6455 §7.4.1.
	return c != 1004 && c != StatusNoStatusRcvd && c != StatusAbnormalClosure
}
