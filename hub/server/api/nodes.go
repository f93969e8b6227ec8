package api

import (
	"context"

	"github.com/wye-org/wye/hub"
)

type channelsRequest struct {
	Pattern string `json:"pattern"` // * is any run of characters
	After   string `json:"after"`   // the next of the page before
	Limit   int    `json:"limit"`   // 0: 1,000, which bounds it
}

type channelInfo struct {
	Clients int `json:"num_clients"`
}

func (h *Handler) channels(ctx context.Context, q *channelsRequest) (any, error) {
	if q.Limit < 0 || q.Limit > hub.ListMost {
		return nil, badRequest("want a limit of 0 to %d", hub.ListMost)
	}
	page, err := h.opt.Hub.Channels(ctx, hub.ChannelQuery{Pattern: q.Pattern, After: q.After, Limit: q.Limit})
	s, err := silent(err)
	if err != nil {
		return nil, err
	}
	channels := make(map[string]channelInfo, len(page.Channels))
	for _, c := range page.Channels {
		channels[c.Name] = channelInfo{c.Members}
	}
	return struct {
		Channels map[string]channelInfo `json:"channels"`
		Next     string                 `json:"next,omitempty"` // the after of the next page
		silence
	}{channels, page.Next, s}, nil
}

type infoRequest struct{}

type node struct {
	UID      string  `json:"uid"`
	Name     string  `json:"name"`
	Version  string  `json:"version"`
	Uptime   float64 `json:"uptime"` // seconds
	Clients  int     `json:"num_clients"`
	Channels int     `json:"num_channels"`
	Members  int     `json:"num_subs"`
}

// info tells of the nodes, that which was asked first.
func (h *Handler) info(ctx context.Context, _ *infoRequest) (any, error) {
	all, err := h.opt.Hub.Nodes(ctx)
	s, err := silent(err)
	if err != nil {
		return nil, err
	}
	nodes := make([]node, len(all))
	for i, n := range all {
		nodes[i] = node{n.ID, n.Name, n.Version, n.Uptime.Seconds(), n.Clients, n.Channels, n.Members}
	}
	return struct {
		Nodes []node `json:"nodes"`
		silence
	}{nodes, s}, nil
}
