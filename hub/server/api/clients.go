package api

import (
	"context"
	"errors"
	"math"

	"github.com/wye-org/wye/hub"
)

// whom says which clients are meant: those of which all is true that is set.
type whom struct {
	User   string `json:"user"`
	Client string `json:"client"`
}

func (w whom) hub() hub.Whom { return hub.Whom{Principal: w.User, Client: w.Client} }

type disconnectRequest struct {
	whom
	Disconnect *struct {
		Code   uint32 `json:"code"`
		Reason string `json:"reason"`
	} `json:"disconnect"` // nil: as the clients' own protocol has it
}

// ended is how many clients something was done to.
type ended struct {
	Clients int `json:"clients"`
	silence
}

// silence is how many nodes have not answered in time: what stands beside it is
// known of the others alone.
type silence struct {
	Silent int `json:"silent_nodes,omitempty"`
}

// silent takes the nodes that have not answered out of err.
func silent(err error) (silence, error) {
	if nodes := (*hub.SilentError)(nil); errors.As(err, &nodes) {
		return silence{nodes.Nodes}, nil
	}
	return silence{}, err
}

func (h *Handler) disconnect(ctx context.Context, q *disconnectRequest) (any, error) {
	var why hub.DisconnectError
	if d := q.Disconnect; d != nil {
		if d.Code > math.MaxUint16 {
			return nil, hub.ErrDisconnect
		}
		why = hub.DisconnectError{Code: uint16(d.Code), Reason: d.Reason}
	}
	n, err := h.opt.Hub.Disconnect(ctx, q.hub(), &why)
	return affected(n, err)
}

// affected is the result of an order.
func affected(n int, err error) (any, error) {
	s, err := silent(err)
	if err != nil {
		return nil, err
	}
	return ended{n, s}, nil
}

type unsubscribeRequest struct {
	whom
	Channel string `json:"channel"`
}

func (h *Handler) unsubscribe(ctx context.Context, q *unsubscribeRequest) (any, error) {
	n, err := h.opt.Hub.Unsubscribe(ctx, q.hub(), q.Channel)
	return affected(n, err)
}
