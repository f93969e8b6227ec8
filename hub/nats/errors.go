package nats

import (
	"context"
	"errors"
	"fmt"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub"
)

// away says that the engine cannot be reached, and why.
func away(why any) error { return fmt.Errorf("%w: %v", hub.ErrUnavailable, why) }

// errLeaderless: nobody has the task that was asked for.
var errLeaderless = away("JetStream has no leader for it at present, or is not enabled (nats-server -js)")

// explain makes an error of NATS one of the hub's. What goes by itself becomes
// [hub.ErrUnavailable].
func explain(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil, errors.Is(err, hub.ErrUnavailable), errors.Is(err, hub.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, errEnvelope):
		return err
	case errors.Is(err, natsgo.ErrReconnectBufExceeded), errors.Is(err, natsgo.ErrConnectionReconnecting), errors.Is(err, natsgo.ErrDisconnected):
		// The first speaks of a buffer, of which there is none: nothing is
		// kept to be sent later.
		return away("there is no connection to NATS; it is tried again")
	case errors.Is(err, natsgo.ErrConnectionClosed), errors.Is(err, natsgo.ErrConnectionDraining):
		return hub.ErrClosed
	case errors.Is(err, natsgo.ErrNoResponders):
		return errLeaderless
	case errors.Is(err, natsgo.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return away("NATS has not answered in time")
	case errors.As(err, &api):
		return explainAPI(api)
	}
	return fmt.Errorf("hub/nats: %w", err)
}

// Codes of JetStream's errors, from the server's errors.json.
const (
	codeDuplicateInProcess jetstream.ErrorCode = 10158
	codeInsufficient       jetstream.ErrorCode = 10023
	codeNoPeers            jetstream.ErrorCode = 10005
	codeUnavailable        jetstream.ErrorCode = 10008
	codeMemoryExceeded     jetstream.ErrorCode = 10028
	codeStorageExceeded    jetstream.ErrorCode = 10047
	codeStoreFailed        jetstream.ErrorCode = 10077 // also: maximum bytes exceeded
	codeNotFound           jetstream.ErrorCode = 10037
	codeWrongLast          jetstream.ErrorCode = 10071
	codeWrongLastConstant  jetstream.ErrorCode = 10164
)

func explainAPI(err *jetstream.APIError) error {
	switch err.ErrorCode {
	case codeInsufficient, codeMemoryExceeded, codeStorageExceeded, codeStoreFailed:
		return away(fmt.Sprintf("JetStream has no room for it (%s): raise the servers' limits or Options.StreamBytes, or keep less", err.Description))
	case codeNoPeers: // so it says, too, of servers that it does not know yet
		return away(fmt.Sprintf("there are not enough servers for so many replicas (%s)", err.Description))
	case jetstream.JSErrCodeStreamNotFound:
		return away("the stream is gone; it is made again")
	case jetstream.JSErrCodeJetStreamNotEnabled, jetstream.JSErrCodeJetStreamNotEnabledForAccount:
		return errors.New("hub/nats: the server has no JetStream: start it with -js, or put jetstream {} into its configuration")
	}
	if err.Code >= 500 {
		return away(err.Description)
	}
	return fmt.Errorf("hub/nats: JetStream refuses: %s (%d)", err.Description, err.ErrorCode)
}
