package api

import (
	"context"
	"encoding/json"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
)

type channelRequest struct {
	Channel string `json:"channel"`
}

// client is a member of a channel.
type client struct {
	User     string          `json:"user"`
	Client   string          `json:"client"`
	ConnInfo json.RawMessage `json:"conn_info,omitempty"`
	ChanInfo json.RawMessage `json:"chan_info,omitempty"`
}

func (h *Handler) presence(ctx context.Context, q *channelRequest) (any, error) {
	members, err := h.opt.Hub.Members(ctx, q.Channel)
	if err != nil {
		return nil, err
	}
	clients := make(map[string]client, len(members))
	for i := range members {
		m := &members[i]
		conn, in := server.Info(m)
		clients[m.ID] = client{m.Principal, m.ID, conn, in}
	}
	return struct {
		Presence map[string]client `json:"presence"`
	}{clients}, nil
}

func (h *Handler) presenceStats(ctx context.Context, q *channelRequest) (any, error) {
	s, err := h.opt.Hub.PresenceStats(ctx, q.Channel)
	if err != nil {
		return nil, err
	}
	return struct {
		Clients int `json:"num_clients"`
		Users   int `json:"num_users"`
	}{s.Clients, s.Principals}, nil
}

type historyRequest struct {
	Channel string    `json:"channel"`
	Limit   int       `json:"limit"` // 0: the position alone; -1: as many as one answer has
	Since   *position `json:"since"`
	Reverse bool      `json:"reverse"`
}

type position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

// past is what a history has. Complete: it is all there was after since.
type past struct {
	Publications []json.RawMessage `json:"publications"`
	position
	Complete bool `json:"complete"`
}

// historyBytes bounds an answer but for its first publication.
const historyBytes = 8 << 20

func (h *Handler) history(ctx context.Context, q *historyRequest) (any, error) {
	switch {
	case q.Limit < -1 || q.Limit > h.opt.MaxHistory:
		return nil, badRequest("want a limit of -1 to %d", h.opt.MaxHistory)
	case q.Limit == -1:
		q.Limit = h.opt.MaxHistory
	}
	query := hub.Query{Limit: q.Limit, Reverse: q.Reverse}
	if q.Since != nil {
		query.Since = &hub.Position{Epoch: q.Since.Epoch, Offset: q.Since.Offset}
	}
	page, err := h.opt.Hub.History(ctx, q.Channel, query)
	if err != nil {
		return nil, err
	}
	p := past{
		Publications: make([]json.RawMessage, 0, len(page.Messages)),
		position:     position{page.Top.Offset, page.Top.Epoch},
		Complete:     page.Complete,
	}
	bytes := 0
	for _, m := range page.Messages {
		pub := server.AppendPublication(nil, m)
		if bytes += len(pub); bytes > historyBytes && len(p.Publications) > 0 {
			p.Complete = false
			break
		}
		p.Publications = append(p.Publications, pub)
	}
	return p, nil
}
