package api

import (
	"context"
	"encoding/json"

	"github.com/wye-org/wye/hub"
)

// content is what is published: one of the first three.
type content struct {
	Data   json.RawMessage `json:"data"`    // JSON, published as it is written
	Text   *string         `json:"text"`    // a text, published without quotes
	Base64 []byte          `json:"b64data"` // bytes

	Key            string `json:"key"`             // what it is about, where the channel conflates
	IdempotencyKey string `json:"idempotency_key"` // with the same one within two minutes it is stored once
}

func (c *content) published() (data []byte, opts *hub.PublishOptions, err error) {
	given := 0
	opts = &hub.PublishOptions{Key: c.Key, IdempotencyKey: c.IdempotencyKey}
	if c.Data != nil {
		given++
		data = c.Data
	}
	if c.Text != nil {
		given++
		data = []byte(*c.Text)
	}
	if c.Base64 != nil {
		given++
		data, opts.Binary = c.Base64, true
	}
	if given != 1 {
		return nil, nil, badRequest("want one of data, text and b64data")
	}
	return data, opts, nil
}

type publishRequest struct {
	Channel string `json:"channel"`
	content
}

// published is where a message was stored. In a channel without history it is not.
type published struct {
	Offset    uint64 `json:"offset,omitempty"`
	Epoch     string `json:"epoch,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"` // by an earlier call with the same idempotency key
}

func (h *Handler) publish(ctx context.Context, q *publishRequest) (any, error) {
	data, opts, err := q.published()
	if err != nil {
		return nil, err
	}
	return h.publishInto(ctx, q.Channel, data, opts)
}

func (h *Handler) publishInto(ctx context.Context, channel string, data []byte, opts *hub.PublishOptions) (any, error) {
	r, err := h.opt.Hub.Publish(ctx, channel, data, opts)
	if err != nil {
		return nil, err
	}
	return published{r.Offset, r.Epoch, r.Duplicate}, nil
}

type broadcastRequest struct {
	Channels []string `json:"channels"`
	content
}

// response is what became of one of several calls.
type response struct {
	Result any    `json:"result,omitempty"`
	Error  *Fault `json:"error,omitempty"`
}

// broadcast publishes into each channel in turn. One that fails, whyever, keeps it
// from no other.
func (h *Handler) broadcast(ctx context.Context, q *broadcastRequest) (any, error) {
	if len(q.Channels) == 0 || len(q.Channels) > h.opt.MaxChannels {
		return nil, badRequest("want 1 to %d channels", h.opt.MaxChannels)
	}
	data, opts, err := q.published()
	if err != nil {
		return nil, err
	}
	responses := make([]response, len(q.Channels))
	for i, channel := range q.Channels {
		result, err := h.publishInto(ctx, channel, data, opts)
		if err != nil {
			responses[i].Error = h.faultOf(ctx, "broadcast", err)
			continue
		}
		responses[i].Result = result
	}
	return struct {
		Responses []response `json:"responses"`
	}{responses}, nil
}
