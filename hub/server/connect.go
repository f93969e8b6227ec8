package server

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// connect makes the connection a client of the hub.
func (s *session) connect(ctx context.Context, q *connectRequest, r *reply) (answered bool, err error) {
	who, channels, err := s.server.identify(ctx, q.Token, s.known)
	if err != nil {
		return false, err
	}
	out := &outlet{session: s}
	if len(channels) > 0 {
		out.held = make(chan struct{})
		defer close(out.held)
	}
	client, err := s.server.opt.Hub.Connect(out, &hub.ClientOptions{Principal: who.principal, Info: who.info})
	if err != nil {
		return false, err
	}
	subs, err := s.server.begin(ctx, client, channels, q.Subs)
	if err != nil {
		client.Close()
		return false, err
	}
	r.Connect = &connectResult{
		Client:    client.ID(),
		refreshed: ttl(who.expires),
		Ping:      uint32(s.server.opt.PingInterval / time.Second),
		Pong:      true,
		Subs:      subs,
	}
	if out.held != nil {
		// What the channels have waits until this is written.
		if err := s.conn.Write(ctx, websocket.MessageText, r.encode()); err != nil {
			client.Close()
			return true, bySlowness
		}
	}
	s.mu.Lock()
	s.client, s.who, s.refreshes = client, *who, q.Token != ""
	s.clock.expiresAt = who.expires
	s.connectedLocked()
	s.setLocked()
	s.mu.Unlock()
	return out.held != nil, nil
}

// identify finds out who a client is: by the token, if it has one, else by what the
// gate knows. channels are those that it is in from the start.
func (s *Server) identify(ctx context.Context, token, known string) (who *identity, channels []string, err error) {
	who = &identity{principal: known}
	if known != "" {
		who.namespaces = s.opt.Admitted
	}
	if token == "" {
		if len(s.opt.Open)+len(who.namespaces) == 0 {
			return nil, nil, errUnauthorized
		}
		return who, nil, nil
	}
	if s.opt.Tokens == nil {
		return nil, nil, byInvalidToken
	}
	t, err := s.opt.Tokens.Connection(ctx, token)
	switch {
	case errors.Is(err, ErrTokensAway), ctx.Err() != nil:
		s.log.Warn("hub: a connection token cannot be judged", "err", err)
		return nil, nil, errInternal
	case errors.Is(err, ErrTokenExpired), err == nil && expired(t.Expires):
		return nil, nil, errTokenExpired
	case err != nil:
		s.log.Info("hub: a connection token was refused", "err", err)
		return nil, nil, byInvalidToken
	}
	who.principal, who.info, who.expires = t.Principal, t.Info, t.Expires
	who.namespaces = slices.Concat(t.Namespaces, who.namespaces) // the token's may be shared
	return who, t.Channels, nil
}

func expired(t time.Time) bool { return !t.IsZero() && !t.After(time.Now()) }

// begin joins the channels that a client is in from the start.
func (s *Server) begin(ctx context.Context, client *hub.Client, channels []string, before map[string]subscribeRequest) (map[string]json.RawMessage, error) {
	if len(channels) == 0 {
		return nil, nil
	}
	subs := make(map[string]json.RawMessage, len(channels))
	for _, channel := range channels {
		if _, twice := subs[channel]; twice {
			continue
		}
		j := joining{server: s, transport: WebSocket, channel: channel, admitted: true}
		if q, ok := before[channel]; ok && q.Recover {
			j.since = &hub.Position{Epoch: q.Epoch, Offset: q.Offset}
		}
		result, err := j.join(ctx, client, func(*subscribeResult) *hub.Message { return nil })
		if err != nil {
			return nil, err
		}
		subs[channel] = result.append(nil)
	}
	return subs, nil
}
