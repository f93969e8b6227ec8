package wye

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Protocol is what a server can switch to. Check is called concurrently.
type Protocol interface {
	// Check judges r before the switch to t, which has the name of the [Offer]
	// and the version of the request, and says what the switch is to be.
	// [ErrDecline] passes r on to the next token, or to the fallback; an
	// [Answerer] answers it; any other error answers it with 500. Check neither
	// reads r.Body nor keeps r.
	Check(r *http.Request, t Token) (*Agreement, error)
}

// Agreement is what a [Protocol] makes of one request. It carries what was
// negotiated from before the switch to behind it.
type Agreement struct {
	// Header has the fields that the 101 needs beside Upgrade and Connection.
	Header http.Header

	// Principal is whom the request was made by; see [Request].
	Principal string

	// Serve speaks the protocol over c until it returns; then c is closed. The
	// peer's first bytes are c's. ctx ends when the server wants the
	// connection gone ([context.Cause] says why) and when Serve returns.
	Serve func(ctx context.Context, r *Request, c Conn) error

	// Cancel is called instead of Serve where the switch does not come about.
	// nil: there is nothing to undo.
	Cancel func()
}

func (a *Agreement) cancel() {
	if a.Cancel != nil {
		a.Cancel()
	}
}

// ErrDecline is how a [Protocol.Check] leaves a request to others.
var ErrDecline = errors.New("wye: declined")

// ProtocolFunc is the Serve of an [Agreement]; as a [Protocol] it agrees to
// every request.
type ProtocolFunc func(ctx context.Context, r *Request, c Conn) error

// Check agrees.
func (f ProtocolFunc) Check(*http.Request, Token) (*Agreement, error) {
	return &Agreement{Serve: f}, nil
}

// Offer is a [Protocol] under its token. Two protocols may share a token: the
// second is asked when the first declines.
type Offer struct {
	Token    Token // Version may be [AnyVersion]
	Protocol Protocol
}

// Switch is an [http.Handler] that switches a connection to the first protocol
// of the client's list that it has. Set its fields before it serves.
type Switch struct {
	Protocols []Offer

	// Fallback answers what is not switched. "A server MAY ignore a received
	// Upgrade header field if it wishes to continue using the current protocol
	// on that connection." RFC 9110 §7.8. nil: 426 (Upgrade Required), naming
	// what is on offer. An extended CONNECT does not get there: to its client
	// any 2xx would be the switch. It is answered with 501.
	Fallback http.Handler

	// Advertise names what is on offer in the fallback's responses too: "A
	// server MAY send an Upgrade header field in any other response to
	// advertise…" RFC 9110 §7.8.
	Advertise bool

	Timeout time.Duration // as in [AcceptOptions]
	MaxBody int64         // as in [AcceptOptions]
	Group   *Group        // as in [AcceptOptions]
	Logger  *slog.Logger  // refusals and failures; nil: [slog.Default]
}

// ServeHTTP returns when the agreed Serve has.
func (s *Switch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	declined := false
	for _, asked := range Requested(r) {
		for _, offer := range s.Protocols {
			if !offer.Token.matches(asked) {
				continue
			}
			t := Token{offer.Token.Name, asked.Version} // the name as we write it
			agreed, err := check(offer.Protocol, r, t)
			switch {
			case errors.Is(err, ErrDecline):
				declined = true
				continue
			case err != nil:
				s.log(r, t, "upgrade refused", err)
				Answer(w, err)
			default:
				s.serve(w, r, t, agreed)
			}
			return
		}
	}
	s.fallBack(w, r, declined)
}

// check is p.Check, and sees to it that something was agreed on.
func check(p Protocol, r *http.Request, t Token) (*Agreement, error) {
	agreed, err := p.Check(r, t)
	if err == nil && (agreed == nil || agreed.Serve == nil) {
		if agreed != nil {
			agreed.cancel()
		}
		return nil, errors.New("wye: Check returned neither an error nor an Agreement with a Serve")
	}
	return agreed, err
}

func (s *Switch) serve(w http.ResponseWriter, r *http.Request, t Token, agreed *Agreement) {
	switched := false
	defer func() {
		if !switched { // also when a wrapper's Hijack panics
			agreed.cancel()
		}
	}()
	c, err := accept(w, r, t, &AcceptOptions{Header: agreed.Header, Timeout: s.Timeout, MaxBody: s.MaxBody, Group: s.Group})
	if err != nil {
		s.log(r, t, "upgrade failed", err)
		return
	}
	switched = true
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer c.member.hold()()
	defer c.Close() // also when Serve panics: net/http logs that
	// Until the protocol says how it wants to be asked to leave, its context
	// says it.
	c.OnLeave(func(_ context.Context, cause error) error {
		cancel(cause)
		return nil
	})
	detached := Detach(ctx, r, t)
	detached.Principal = agreed.Principal
	if err := agreed.Serve(ctx, detached, c); err != nil {
		s.log(r, t, "upgraded connection failed", err)
	}
}

// fallBack answers what is not switched; declined: a protocol was asked, and did
// not want to.
func (s *Switch) fallBack(w http.ResponseWriter, r *http.Request, declined bool) {
	offers := s.offers()
	switch {
	case s.Fallback != nil && connectProtocol(r) == "":
		if s.Advertise && r.ProtoMajor == 1 && offers != "" {
			w.Header().Add("Upgrade", offers)
			w.Header().Add("Connection", "Upgrade")
		}
		s.Fallback.ServeHTTP(w, r)
	case offers == "":
		Answer(w, &Refusal{Status: http.StatusNotFound, Text: "Nothing is on offer here"})
	case declined:
		Answer(w, upgradeRequired(r, offers, "the request asks for it, but lacks what the protocol needs beside"))
	default:
		Answer(w, upgradeRequired(r, offers, whyNoUpgrade(r)))
	}
}

// offers lists what can be asked for, in order, each once.
func (s *Switch) offers() string {
	var names []string
	for _, o := range s.Protocols {
		t := o.Token
		if t.Version == AnyVersion {
			t.Version = ""
		}
		if t.valid() && !slices.Contains(names, t.String()) {
			names = append(names, t.String())
		}
	}
	return strings.Join(names, ", ")
}

func (s *Switch) log(r *http.Request, t Token, what string, err error) {
	logger := s.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(r.Context(), slog.LevelWarn, what,
		slog.String("upgrade", t.String()), slog.String("path", r.URL.Path), slog.String("remote", r.RemoteAddr), slog.Any("err", err))
}
