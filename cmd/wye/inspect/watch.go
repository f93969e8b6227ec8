package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/wye-org/wye/websocket"
)

// Subprotocol is the name of what /inspect/live speaks.
const Subprotocol = "inspect-v1"

// watchInterval is how often a watcher sees the connections anew.
const watchInterval = time.Second

// watch shows a viewer the connections that it asks for, each second, and the
// refusals when there are new ones.
func (in *Inspector) watch(ctx context.Context, c *websocket.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	queries := make(chan Query, 1)
	read := make(chan error, 1)
	go func() { // watch's; ends with ctx or the connection, received below
		defer cancel()
		read <- readQueries(ctx, c, queries)
	}()
	err := in.show(ctx, c, queries)
	cancel()
	if why := <-read; why != nil {
		err = why
	}
	var bad *badQueryError
	if errors.As(err, &bad) {
		return c.Close(context.WithoutCancel(ctx), websocket.StatusPolicyViolation, bad.Error())
	}
	if c.Err() != nil || errors.Is(err, context.Canceled) {
		return nil // that is how it ends
	}
	return err
}

// badQueryError is a query that cannot be answered.
type badQueryError struct{ err error }

func (e *badQueryError) Error() string { return e.err.Error() }

// readQueries passes queries on. Of several that come together only the last
// one counts.
func readQueries(ctx context.Context, c *websocket.Conn, queries chan Query) error {
	for {
		_, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		var q Query
		if json.Unmarshal(p, &q) != nil {
			return &badQueryError{errors.New(`want a query like {"q":"h2","limit":50}`)}
		}
		if err := q.validate(); err != nil {
			return &badQueryError{err}
		}
		select {
		case <-queries: // nobody has seen it
		default:
		}
		queries <- q // this goroutine alone sends, so there is room
	}
}

// show sends until ctx ends.
func (in *Inspector) show(ctx context.Context, c *websocket.Conn, queries <-chan Query) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var q Query
	shown, first := uint64(0), true
	for {
		page, err := in.registry.List(q)
		if err != nil {
			return err
		}
		if err := c.WriteJSON(ctx, struct {
			Type string `json:"type"`
			Page
		}{"connections", page}); err != nil {
			return err
		}
		if now := in.registry.refused(); first || now.Total != shown {
			if err := c.WriteJSON(ctx, struct {
				Type string `json:"type"`
				refused
			}{"refusals", now}); err != nil {
				return err
			}
			shown, first = now.Total, false
		}
		select {
		case q = <-queries:
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
