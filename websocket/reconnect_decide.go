package websocket

import (
	"errors"
	"net/http"

	"github.com/wye-org/wye"
)

// ShouldReconnect reports whether to try again after err, for [Reconnect]. err
// is a [*wye.RefusedError] or [*wye.DialError] if there was no connection, a
// [*CloseError] if there was, else the handler's own. It says no
//
//   - if the server, or the proxy, refused with a status from 400 to 499 other
//     than 408, 425 and 429: it was not content with the request, which will be
//     the same,
//   - if the URL or the options are at fault ([wye.StageRequest]),
//   - if the peer closed with 1000, being done; with 1002, 1003, 1007, 1009 or
//     1010, because of what this end is or sends; with 1008, 3000 (unauthorized)
//     or 3003 (forbidden), because of whom it is for,
//   - if the error is the handler's own.
//
// It says yes to all else, which has a chance to pass. What the codes from 3001
// on say is between applications: one that knows should have a
// [ReconnectOptions.Retry].
func ShouldReconnect(err error) bool {
	if resp := refusal(err); resp != nil {
		return mayPass(resp.StatusCode)
	}
	var failed *wye.DialError
	if errors.As(err, &failed) {
		return failed.Stage != wye.StageRequest
	}
	var closed *CloseError
	if errors.As(err, &closed) {
		return !closed.Remote || !final(closed.Code)
	}
	return false
}

// mayPass reports whether the same request may get another answer than one with
// this status.
func mayPass(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status < 400 || status > 499
}

// final reports whether a peer that closed with code would do so again.
func final(code StatusCode) bool {
	switch code {
	case StatusNormalClosure,
		StatusProtocolError, StatusUnsupportedData, StatusInvalidFramePayloadData, StatusMessageTooBig, StatusMandatoryExtension,
		StatusPolicyViolation, statusUnauthorized, statusForbidden:
		return true
	}
	return false
}

// Of IANA's WebSocket Close Code Number Registry.
const (
	statusUnauthorized StatusCode = 3000
	statusForbidden    StatusCode = 3003
)
