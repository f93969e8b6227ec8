package websocket

import "github.com/wye-org/wye/websocket/wire"

// StatusCode says why a connection is closed. RFC 6455 section 7.4.
type StatusCode = wire.StatusCode

// The status codes of RFC 6455 section 7.4.1 and of IANA's registry.
const (
	StatusNormalClosure           = wire.StatusNormalClosure
	StatusGoingAway               = wire.StatusGoingAway
	StatusProtocolError           = wire.StatusProtocolError
	StatusUnsupportedData         = wire.StatusUnsupportedData
	StatusNoStatusRcvd            = wire.StatusNoStatusRcvd    // a Close frame without a code
	StatusAbnormalClosure         = wire.StatusAbnormalClosure // no Close frame came
	StatusInvalidFramePayloadData = wire.StatusInvalidFramePayloadData
	StatusPolicyViolation         = wire.StatusPolicyViolation
	StatusMessageTooBig           = wire.StatusMessageTooBig
	StatusMandatoryExtension      = wire.StatusMandatoryExtension
	StatusInternalError           = wire.StatusInternalError
	StatusServiceRestart          = wire.StatusServiceRestart
	StatusTryAgainLater           = wire.StatusTryAgainLater
	StatusBadGateway              = wire.StatusBadGateway
	StatusTLSHandshake            = wire.StatusTLSHandshake
)
