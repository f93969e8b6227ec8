package jwt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wye-org/wye/hub/server"
)

// Options are a Verifier's. There have to be Keys or a Remote, and an Audience.
type Options struct {
	Keys     []Key   // that are known
	Remote   *Remote // where others are to be had; nil: there are none
	Audience string  // what aud has to have: tokens for others are not for this server
	Issuer   string  // what iss has to be; empty: anybody
}

// A Verifier is a [server.Tokens].
type Verifier struct {
	opt    Options
	parser *jwt.Parser
}

// Bounds of a token.
const (
	maxToken    = 8 << 10 // bytes
	maxTries    = 8       // keys that a token without a kid is tried with
	notYetSlack = 30 * time.Second
)

// New checks opts.
func New(opts Options) (*Verifier, error) {
	switch {
	case opts.Audience == "":
		return nil, errors.New("jwt: Options.Audience is missing: without one a token for another service would do")
	case len(opts.Keys) == 0 && opts.Remote == nil:
		return nil, errors.New("jwt: there are no keys: set Options.Keys or Options.Remote")
	}
	v := &Verifier{opt: opts, parser: jwt.NewParser(
		jwt.WithValidMethods(algorithms),
		jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation(), // see judge
	)}
	v.opt.Keys = slices.Clone(opts.Keys)
	return v, nil
}

// claims are what tokens of both kinds say.
type claims struct {
	jwt.RegisteredClaims
	Info       json.RawMessage            `json:"info"`
	Namespaces []string                   `json:"namespaces"`
	Channels   []string                   `json:"channels"`
	Subs       map[string]json.RawMessage `json:"subs"`
	Channel    string                     `json:"channel"`
	Client     string                     `json:"client"`
}

// Connection implements [server.Tokens].
func (v *Verifier) Connection(ctx context.Context, token string) (*server.Connection, error) {
	c, err := v.verify(ctx, token)
	switch {
	case err != nil:
		return nil, err
	case c.Channel != "":
		return nil, errors.New("jwt: it is a subscription token, which does not connect")
	}
	channels := slices.Clone(c.Channels)
	for name := range c.Subs {
		channels = append(channels, name)
	}
	slices.Sort(channels)
	return &server.Connection{
		Principal:  c.Subject,
		Expires:    c.ExpiresAt.Time,
		Info:       info(c.Info),
		Namespaces: c.Namespaces,
		Channels:   slices.Compact(channels),
	}, nil
}

// Subscription implements [server.Tokens].
func (v *Verifier) Subscription(ctx context.Context, token string) (*server.Subscription, error) {
	c, err := v.verify(ctx, token)
	switch {
	case err != nil:
		return nil, err
	case c.Channel == "":
		return nil, errors.New("jwt: it is no subscription token: it has no claim channel")
	}
	return &server.Subscription{
		Principal: c.Subject,
		Channel:   c.Channel,
		Client:    c.Client,
		Expires:   c.ExpiresAt.Time,
		Info:      info(c.Info),
	}, nil
}

func info(p json.RawMessage) json.RawMessage {
	if string(p) == "null" {
		return nil
	}
	return p
}

// verify checks the signature, then what holds of every token.
func (v *Verifier) verify(ctx context.Context, token string) (*claims, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("jwt: the token has %d bytes, want %d at most", len(token), maxToken)
	}
	c := new(claims)
	_, err := v.parser.ParseWithClaims(token, c, func(t *jwt.Token) (any, error) { return v.keysFor(ctx, t) })
	if err != nil {
		return nil, fmt.Errorf("jwt: %w", err)
	}
	return c, v.judge(c, time.Now())
}

// keysFor finds the keys that a token may have been signed with: those of its kid,
// and among them those whose algorithm the token names.
func (v *Verifier) keysFor(ctx context.Context, t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok {
		// "If any of the listed extension Header Parameters are not understood and
		// supported by the recipient, then the JWS is invalid." RFC 7515 §4.1.11
		return nil, errors.New("its head has crit, of which nothing is understood")
	}
	kid, ok := t.Header["kid"].(string)
	if !ok && t.Header["kid"] != nil {
		return nil, errors.New("its kid is no string")
	}
	keys := matching(v.opt.Keys, kid, t.Method.Alg())
	if len(keys) == 0 && v.opt.Remote != nil {
		remote, err := v.opt.Remote.keys(ctx, kid)
		if err != nil {
			return nil, err
		}
		keys = matching(remote, kid, t.Method.Alg())
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no key %.64q for %s", kid, t.Method.Alg())
	}
	set := jwt.VerificationKeySet{}
	for _, k := range keys[:min(len(keys), maxTries)] {
		set.Keys = append(set.Keys, k.public)
	}
	return set, nil
}

// matching are the keys of that ID, or those that have none, for the algorithm. A
// token without a kid may be of any.
func matching(keys []Key, kid, algorithm string) (found []Key) {
	for _, k := range keys {
		if k.algorithm == algorithm && (kid == "" || k.id == "" || k.id == kid) {
			found = append(found, k)
		}
	}
	return found
}

// judge checks the claims that every token has. That it has expired is said only of one
// that is otherwise in order.
func (v *Verifier) judge(c *claims, now time.Time) error {
	switch {
	case c.ExpiresAt == nil:
		return errors.New("jwt: the token has no exp")
	case !slices.Contains(c.Audience, v.opt.Audience):
		return fmt.Errorf("jwt: the token is for %.64q, not for %q", c.Audience, v.opt.Audience)
	case v.opt.Issuer != "" && c.Issuer != v.opt.Issuer:
		return fmt.Errorf("jwt: the token is by %.64q, not by %q", c.Issuer, v.opt.Issuer)
	case c.NotBefore != nil && now.Add(notYetSlack).Before(c.NotBefore.Time):
		return errors.New("jwt: the token does not hold yet")
	case !now.Before(c.ExpiresAt.Time):
		return server.ErrTokenExpired
	}
	return nil
}
