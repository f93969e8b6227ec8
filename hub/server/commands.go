package server

import (
	"context"
	"errors"
	"slices"

	"github.com/wye-org/wye/hub"
)

// publish publishes for the client.
func (s *session) publish(ctx context.Context, q *publishRequest, r *reply) error {
	switch {
	case q.Channel == "" || len(q.Data) == 0:
		return errBadRequest
	case !s.server.mayUse(&s.who, q.Channel) && !s.in(q.Channel):
		return errPermissionDenied
	}
	if _, err := s.client.Publish(ctx, q.Channel, q.Data, nil); err != nil {
		return err
	}
	r.Publish = new(struct{})
	return nil
}

// in reports whether the client has joined the channel.
func (s *session) in(channel string) bool { return slices.Contains(s.client.Channels(), channel) }

// presence tells who is in a channel, which is for its members to know.
func (s *session) presence(ctx context.Context, q *channelRequest, r *reply) error {
	members, err := s.members(ctx, q.Channel)
	if err != nil {
		return err
	}
	r.Presence = &presenceResult{make(map[string]clientInfo, len(members))}
	for i := range members {
		r.Presence.Presence[members[i].ID] = infoOf(&members[i])
	}
	return nil
}

func (s *session) presenceStats(ctx context.Context, q *channelRequest, r *reply) error {
	if !s.in(q.Channel) {
		return errPermissionDenied
	}
	stats, err := s.server.opt.Hub.PresenceStats(ctx, q.Channel)
	if err != nil {
		return err
	}
	r.PresenceStats = &presenceStatsResult{stats.Clients, stats.Principals}
	return nil
}

func (s *session) members(ctx context.Context, channel string) ([]hub.Member, error) {
	if !s.in(channel) {
		return nil, errPermissionDenied
	}
	members, err := s.server.opt.Hub.Members(ctx, channel)
	if err == nil && len(members) > s.server.opt.MaxMembers {
		return nil, errLimitExceeded
	}
	return members, err
}

// history reads a channel's history, which is for its members.
func (s *session) history(ctx context.Context, q *historyRequest, r *reply) error {
	if !s.in(q.Channel) {
		return errPermissionDenied
	}
	page, err := s.server.history(ctx, q)
	if err != nil {
		return err
	}
	r.history = &historyResult{page.Top, page.Messages}
	return nil
}

// history is a page of what q asks for, as far as it fits one answer.
func (s *Server) history(ctx context.Context, q *historyRequest) (page hub.Page, err error) {
	hq := hub.Query{Limit: int(q.Limit), Reverse: q.Reverse}
	if hq.Limit < 0 || hq.Limit > s.opt.MaxHistory {
		hq.Limit = s.opt.MaxHistory
	}
	if q.Since != nil {
		hq.Since = &hub.Position{Epoch: q.Since.Epoch, Offset: q.Since.Offset}
		if hq.Since.Epoch == "" { // whichever there is
			if page, err = s.opt.Hub.History(ctx, q.Channel, hub.Query{}); err != nil {
				return page, err
			}
			hq.Since.Epoch = page.Top.Epoch
		}
	}
	if page, err = s.opt.Hub.History(ctx, q.Channel, hq); err != nil {
		return page, err
	}
	if hq.Since != nil && hq.Since.Epoch != page.Top.Epoch {
		return page, errUnrecoverable
	}
	page.Messages = page.Messages[:s.fit(page.Messages)]
	return page, nil
}

// refresh takes another token of the same client.
func (s *session) refresh(ctx context.Context, q *refreshRequest, r *reply) error {
	switch {
	case !s.refreshes:
		return errNotAvailable // there is no token that could grow old
	case q.Token == "":
		return errBadRequest
	}
	who, _, err := s.server.identify(ctx, q.Token, s.known)
	switch {
	case errors.Is(err, errTokenExpired):
		return byExpiry // so it comes back with another
	case err != nil:
		return err
	case who.principal != s.who.principal:
		return byInvalidToken
	}
	s.mu.Lock()
	s.who = *who
	s.clock.expiresAt = who.expires
	s.setLocked()
	s.mu.Unlock()
	r.Refresh = &refreshResult{s.client.ID(), ttl(who.expires)}
	return nil
}

// subRefresh takes another token for a channel that the client is in.
func (s *session) subRefresh(ctx context.Context, q *subRefreshRequest, r *reply) error {
	switch {
	case q.Token == "":
		return errBadRequest
	case !s.in(q.Channel):
		return errPermissionDenied
	}
	t, err := s.subscription(ctx, q.Channel, q.Token)
	if errors.Is(err, errTokenExpired) {
		return errExpired
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subs[q.Channel]
	if sub == nil {
		return errPermissionDenied // it is in the channel by its connection token
	}
	s.subs[q.Channel] = &subscription{joinLeave: sub.joinLeave, expires: t.Expires}
	s.setLocked()
	r.SubRefresh = &refreshResult{refreshed: ttl(t.Expires)}
	return nil
}
