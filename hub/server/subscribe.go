package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/wye-org/wye/hub"
)

// subscribe has the client join a channel.
func (s *session) subscribe(ctx context.Context, q *subscribeRequest, r *reply) (answered bool, err error) {
	if len(q.Filter) > 0 && string(q.Filter) != "null" {
		return false, errBadRequest // what is filtered, would come all the same
	}
	j := joining{server: s.server, transport: WebSocket, channel: q.Channel}
	expires := time.Time{}
	switch {
	case q.Channel == "" || len(q.Channel) > hub.MaxName:
		return false, errBadRequest
	case q.Token != "":
		t, err := s.subscription(ctx, q.Channel, q.Token)
		if err != nil {
			return false, err
		}
		j.admitted, expires = true, t.Expires
		j.info = joinInfo(s.who.info, t.Info)
	case !s.server.mayUse(&s.who, q.Channel):
		return false, errPermissionDenied
	}
	if q.Recover {
		j.since = &hub.Position{Epoch: q.Epoch, Offset: q.Offset}
	}
	// The outlet looks there as soon as there is something to send.
	s.note(q.Channel, &subscription{joinLeave: q.JoinLeave, expires: expires})
	refused := false
	_, err = j.join(ctx, s.client, func(result *subscribeResult) *hub.Message {
		if q.Flag&rejectUnrecovered != 0 && result.recovering && !result.wasRecovered {
			refused, r.Error = true, errUnrecoverable
			return &hub.Message{Data: r.encode()}
		}
		result.refreshed = ttl(expires)
		r.subscribe = result
		return &hub.Message{Data: r.encode()}
	})
	if refused {
		s.client.Leave(ctx, q.Channel)
	}
	return err == nil, err
}

// subscription judges a token for a channel.
func (s *session) subscription(ctx context.Context, channel, token string) (*Subscription, error) {
	if s.server.opt.Tokens == nil {
		return nil, errPermissionDenied
	}
	t, err := s.server.opt.Tokens.Subscription(ctx, token)
	switch {
	case errors.Is(err, ErrTokensAway), ctx.Err() != nil:
		s.server.log.Warn("hub: a subscription token cannot be judged", "err", err)
		return nil, errInternal
	case errors.Is(err, ErrTokenExpired), err == nil && expired(t.Expires):
		return nil, errTokenExpired
	case err != nil:
		s.server.log.Info("hub: a subscription token was refused", "err", err)
		return nil, errPermissionDenied
	case t.Channel != channel, t.Principal != s.who.principal, t.Client != "" && t.Client != s.client.ID():
		return nil, errPermissionDenied
	}
	return t, nil
}

// joining is a client about to join a channel.
type joining struct {
	server    *Server
	transport Transport
	channel   string
	admitted  bool          // by a token
	since     *hub.Position // what the client has; nil: nothing
	last      int           // so many of the last messages, if not what came after since
	whole     bool          // none of the messages go into the answer
	info      []byte
}

// join has the client join. answer makes of the result what the client is told
// before anything else of the channel; what does not fit the result, follows it.
func (j *joining) join(ctx context.Context, client *hub.Client, answer func(*subscribeResult) *hub.Message) (*subscribeResult, error) {
	ch, err := j.server.opt.Hub.Channel(j.channel)
	if err != nil {
		return nil, err
	}
	result := &subscribeResult{stores: ch.Namespace.History.Size > 0}
	missed := 0
	_, err = client.Join(ctx, j.channel, &hub.JoinOptions{
		Since:     j.since,
		Last:      j.last,
		Admitted:  j.admitted,
		NoMembers: true,
		Info:      j.info,
		Answer: func(w *hub.Welcome) *hub.Message {
			missed = len(w.Messages)
			j.fill(result, w)
			return answer(result)
		},
	})
	if err != nil {
		return nil, err
	}
	if result.recovering {
		j.server.opt.Hooks.recovered(j.transport, result.wasRecovered, missed)
	}
	return result, nil
}

// fill takes from w what the client is answered with.
func (j *joining) fill(result *subscribeResult, w *hub.Welcome) {
	result.recovering = result.stores && j.since != nil
	result.wasRecovered = w.Recovered
	result.position = w.Position
	if w.Recovered {
		// Whoever recovers goes on from here by what each publication says.
		result.position.Offset = j.since.Offset
	}
	if w.Recovered && !j.whole {
		n := j.server.fit(w.Messages)
		result.messages, w.Messages = w.Messages[:n], w.Messages[n:]
	}
	result.following = len(w.Messages)
}

// fit is how many of the messages fit one answer.
func (s *Server) fit(messages []*hub.Message) int {
	bytes := 0
	for i, m := range messages {
		bytes += len(m.Data)
		if i == s.opt.MaxHistory || i > 0 && bytes > s.opt.MaxReply {
			return i
		}
	}
	return len(messages)
}

// note keeps what is known of a channel that the client is about to join.
func (s *session) note(channel string, sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	joined := s.client.Channels()
	if slices.Contains(joined, channel) {
		return // it is joined, and the command will fail
	}
	if s.subs == nil {
		s.subs = map[string]*subscription{}
	}
	if len(s.subs) > len(joined) {
		// The client has not come into some, or the hub has taken it out.
		maps.DeleteFunc(s.subs, func(name string, _ *subscription) bool { return !slices.Contains(joined, name) })
	}
	s.subs[channel] = sub
	s.setLocked()
}

func (s *session) forget(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, channel)
}

// unsubscribe has the client leave a channel. That it is not there is no error.
func (s *session) unsubscribe(ctx context.Context, q *channelRequest, r *reply) error {
	if q.Channel == "" {
		return errBadRequest
	}
	s.client.Leave(ctx, q.Channel)
	s.forget(q.Channel)
	r.Unsubscribe = new(struct{})
	return nil
}

// expire takes the client out of a channel for which its token has expired, unless it
// has brought another meanwhile, or has come anew.
func (s *session) expire(channel string, sub *subscription) {
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	renewed := s.subs[channel] != sub
	if !renewed {
		delete(s.subs, channel)
	}
	s.mu.Unlock()
	if renewed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.server.opt.CommandTimeout)
	defer cancel()
	if s.client.Leave(ctx, channel) == nil {
		s.client.Send(unsubscribed(channel, UnsubscribeExpired, "subscription expired"), false)
	}
}

// removed is what a client is told that the program has taken out of a channel.
func removed(channel string) []byte {
	return unsubscribed(channel, UnsubscribeServer, "server unsubscribe")
}

// unsubscribed is what a client is told that has left a channel not having asked to.
func unsubscribed(channel string, code int, reason string) []byte {
	type body struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	}
	type push struct {
		Channel     string `json:"channel"`
		Unsubscribe body   `json:"unsubscribe"`
	}
	return mustMarshal(map[string]push{"push": {channel, body{code, reason}}})
}
