package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/hub"
)

// serveEvents sends a channel's messages as server-sent events, as the HTML standard
// has them, until the client goes, the server drains or the hub ends the client.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	if err := s.stream(w, r); err != nil {
		s.log.Warn("hub: events refused", "path", r.URL.Path, "remote", r.RemoteAddr, "err", err)
		wye.Answer(w, err)
	}
}

// stream serves r. An error says that nothing was written yet.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return &wye.Refusal{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {http.MethodGet}}}
	}
	pass, err := s.opt.WebSocket.Gate.Admit(r)
	if err != nil {
		return err
	}
	defer pass.Release()
	reader, err := s.whoReads(pass, r)
	if err != nil {
		return err
	}
	j, last, err := s.askedFor(reader, r)
	if err != nil {
		return err
	}
	out := newEvents(s, w)
	if err := out.bounded(); err != nil {
		return err
	}
	member, err := s.group(r).Join(func(error) { out.Close(hub.ErrClosed) })
	if err != nil {
		return err
	}
	defer member.Done()
	member.OnLeave(func(ctx context.Context, _ error) error {
		out.end(byShutdown)
		select {
		case <-out.gone:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	defer out.finish()
	client, err := s.opt.Hub.Connect(out, &hub.ClientOptions{Principal: reader.principal, Info: reader.info})
	if err != nil {
		return refusalOf(err)
	}
	defer client.Close()
	if err := s.joinEvents(r, client, j, last); err != nil {
		out.deadline() // joining may have taken as long as a write may
		return refusalOf(err)
	}
	s.opt.Hooks.opened(Events)
	setHeader(w.Header(), r, s.opt.Cookie != "")
	by := out.run(r.Context(), earliest(reader.expires, pass.Expires))
	s.opt.Hooks.closed(Events, by)
	return nil
}

// group is what events are drained with.
func (s *Server) group(r *http.Request) *wye.Group {
	if g := s.opt.WebSocket.Group; g != nil {
		return g
	}
	srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return wye.GroupOf(srv)
}

// reader is who reads a channel's events.
type reader struct {
	identity
	admitted []string        // channels that a token says it may read
	asked    bool            // there were credentials
	unasked  *gate.Rejection // how the gate asks for some, if there were none
}

type readerKey struct{}

// whoReads finds out who sent r, by the gate's Verifier, if it has one, or by a token
// of this server's. It takes the credentials out of r.
func (s *Server) whoReads(pass *gate.Pass, r *http.Request) (*reader, error) {
	who := new(reader)
	g := s.opt.WebSocket.Gate
	if g == nil || g.Verifier == nil {
		// The gate would let credentials be, as somebody else's. This one knows
		// them, and bounds what is guessed.
		p, err := s.tokens.Admit(r)
		if err == nil {
			inner := r.WithContext(context.WithValue(r.Context(), readerKey{}, who))
			err = p.Authorize(inner)
			p.Release()
		}
		var rejected *gate.Rejection
		if errors.As(err, &rejected) && rejected.Status == http.StatusUnauthorized && !who.asked {
			if len(s.opt.Open) == 0 {
				return nil, err
			}
			err, who.unasked = nil, rejected
		}
		if err != nil {
			return nil, err
		}
	}
	if err := pass.Authorize(r); err != nil {
		return nil, err
	}
	if pass.Principal != "" {
		who.principal, who.namespaces = pass.Principal, s.opt.Admitted
	}
	return who, nil
}

// verifyReader is the Verifier of whoReads. It takes a connection's token, and a
// subscription's.
func (s *Server) verifyReader(ctx context.Context, token string) (gate.Identity, error) {
	who := ctx.Value(readerKey{}).(*reader)
	who.asked = true
	if s.opt.Tokens == nil {
		return gate.Identity{}, fmt.Errorf("%w: this server takes no tokens", gate.ErrCredentials)
	}
	c, err := s.opt.Tokens.Connection(ctx, token)
	if err == nil {
		who.identity = identity{c.Principal, c.Info, c.Namespaces, c.Expires}
		who.admitted = c.Channels
		return gate.Identity{Expires: c.Expires}, nil
	}
	if !errors.Is(err, ErrTokenExpired) && !errors.Is(err, ErrTokensAway) {
		sub, other := s.opt.Tokens.Subscription(ctx, token)
		switch {
		case other == nil && sub.Client == "":
			who.identity = identity{principal: sub.Principal, info: joinInfo(nil, sub.Info), expires: sub.Expires}
			who.admitted = []string{sub.Channel}
			return gate.Identity{Expires: sub.Expires}, nil
		case other == nil:
			err = errors.New("it is for a client of the other transport")
		case errors.Is(other, ErrTokenExpired), errors.Is(other, ErrTokensAway):
			err = other
		}
	}
	if errors.Is(err, ErrTokensAway) || ctx.Err() != nil {
		return gate.Identity{}, err
	}
	return gate.Identity{}, fmt.Errorf("%w: %w", gate.ErrCredentials, err)
}

// askedFor is what r wants to read: a channel, from where on, and how many of the last
// messages if there is no such place.
func (s *Server) askedFor(who *reader, r *http.Request) (j joining, last int, err error) {
	j = joining{server: s, transport: Events, channel: r.PathValue("channel"), admitted: false}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return j, 0, &wye.Refusal{Status: http.StatusBadRequest, Text: "The query is not in order"}
	}
	switch {
	case j.channel == "" || len(j.channel) > hub.MaxName:
		return j, 0, &wye.Refusal{Status: http.StatusBadRequest, Text: "The channel's name is not in order"}
	case slices.Contains(who.admitted, j.channel):
		j.admitted = true
	case s.mayUse(&who.identity, j.channel):
	case who.unasked != nil:
		return j, 0, &wye.Refusal{Status: who.unasked.Status, Header: who.unasked.Header, Text: "A token is needed for this channel"}
	default:
		return j, 0, &wye.Refusal{Status: http.StatusForbidden, Text: "The token is not for this channel"}
	}
	since := query.Get("since")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		since = id // later than what the URL says
	}
	if since != "" {
		position, ok := parsePosition(since)
		if !ok {
			return j, 0, &wye.Refusal{Status: http.StatusBadRequest, Text: "The position is not in order, want epoch:offset"}
		}
		j.since = &position
	}
	if text := query.Get("last"); text != "" {
		if last, err = strconv.Atoi(text); err != nil || last < 0 {
			return j, 0, &wye.Refusal{Status: http.StatusBadRequest, Text: "last is not in order, want a number"}
		}
	}
	return j, min(last, s.opt.MaxHistory), nil
}

// refusalOf is the answer to a request for a channel that the hub refuses.
func refusalOf(err error) error {
	e, worth := answerTo(err)
	refusal := &wye.Refusal{Status: http.StatusInternalServerError, Text: "It failed on the server's side", Err: err}
	switch e.Code {
	case ErrorInternal:
		if !worth {
			refusal.Status, refusal.Text = http.StatusServiceUnavailable, "Try again later"
			refusal.Header = http.Header{"Retry-After": {"3"}}
		}
	case ErrorUnknownChannel:
		refusal.Status, refusal.Text = http.StatusNotFound, "There is no such channel"
	case ErrorPermissionDenied:
		refusal.Status, refusal.Text = http.StatusForbidden, "The channel is not for this client"
	case ErrorLimitExceeded:
		refusal.Status, refusal.Text = http.StatusServiceUnavailable, "There are too many clients or channels"
		refusal.Header = http.Header{"Retry-After": {"30"}}
	case ErrorBadRequest:
		refusal.Status, refusal.Text = http.StatusBadRequest, "The channel's name is not in order"
	}
	return refusal
}

// setHeader sets the fields of a stream's response.
func setHeader(h http.Header, r *http.Request, cookies bool) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // a proxy that collects before it passes on
	if origin := r.Header.Get("Origin"); origin != "" {
		// The gate has let this page in.
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		if cookies {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
	}
}

// formatPosition is a position as an event's id. The epoch is escaped, so that it ends
// at the colon.
func formatPosition(p hub.Position) string {
	return url.QueryEscape(p.Epoch) + ":" + strconv.FormatUint(p.Offset, 10)
}

func parsePosition(s string) (p hub.Position, ok bool) {
	epoch, offset, found := strings.Cut(s, ":")
	if !found {
		return p, false
	}
	var err error
	if p.Epoch, err = url.QueryUnescape(epoch); err != nil {
		return p, false
	}
	p.Offset, err = strconv.ParseUint(offset, 10, 64)
	return p, err == nil
}

// earliest is the earlier of two times, of which zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
