package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Verifier says whom a token belongs to. Verify is called concurrently.
//
// An error that wraps [ErrCredentials] says that the token is nobody's, and the
// client is told so, with 401. Any other error says that it could not be found
// out, and the client is told to try again, with 503. ctx ends after 5 seconds,
// or when the client gives up; Verify has to return then.
type Verifier interface {
	Verify(ctx context.Context, token string) (Identity, error)
}

// VerifierFunc is a function as a [Verifier].
type VerifierFunc func(ctx context.Context, token string) (Identity, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, token string) (Identity, error) {
	return f(ctx, token)
}

// Identity is who a token belongs to.
type Identity struct {
	Principal string    // a name, for [Pass]
	Expires   time.Time // when the token stops being good; zero: never
}

// verifyTimeout bounds a call of Verify.
const verifyTimeout = 5 * time.Second

// identify finds out who made the request, if that is asked.
func (p *Pass) identify(r *http.Request, c credential) *Rejection {
	g := p.gate
	switch {
	case c.fault != nil:
		return c.fault
	case g == nil || g.Verifier == nil:
		return nil
	case c.from == "":
		return g.unauthorized("Credentials required", "", gateError(ErrCredentials, "client %s sent none", p.Client))
	}
	key := bucketKey(p.Client)
	if wait := g.failures.wait(key, time.Now()); wait > 0 {
		return p.tooManyFailures(wait)
	}
	id, err := g.verify(r.Context(), c, r.URL.Path)
	switch now := time.Now(); {
	case err == nil && !id.Expires.IsZero() && !now.Before(id.Expires):
		err = gateError(ErrCredentials, "they have expired, at %s", id.Expires.UTC().Format(time.RFC3339))
		fallthrough
	case errors.Is(err, ErrCredentials):
		// Many guesses at once are judged one after another: those that come
		// to their end when the bucket is empty learn nothing, whether they
		// were right or not.
		if wait := g.failures.take(key, failedCredentials, now); wait > 0 {
			return p.tooManyFailures(wait)
		}
		return g.unauthorized("Credentials not accepted", `, error="invalid_token"`,
			gateError(ErrCredentials, "client %s, %s: %w", p.Client, c.from, scrubbed(err, c.value)))
	case err != nil:
		return &Rejection{
			Status: http.StatusServiceUnavailable,
			Text:   "Credentials cannot be verified at the moment, try later",
			Err:    gateError(ErrVerifier, "client %s, %s: %w", p.Client, c.from, scrubbed(err, c.value)),
		}
	default:
		if wait := g.failures.wait(key, now); wait > 0 {
			return p.tooManyFailures(wait)
		}
	}
	p.Principal, p.Expires, p.byTicket = id.Principal, id.Expires, c.ticket
	return nil
}

func (g *Gate) verify(ctx context.Context, c credential, path string) (Identity, error) {
	if c.ticket {
		return g.tickets.redeem(c.value, path, time.Now())
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	return g.Verifier.Verify(ctx, c.value)
}

// unauthorized is a 401. "A server generating a 401 (Unauthorized) response
// MUST send a WWW-Authenticate header field containing at least one challenge".
// RFC 9110 §11.6.1; the challenge is that of RFC 6750 §3.
func (g *Gate) unauthorized(text, params string, err error) *Rejection {
	realm := g.Realm
	if realm == "" || !isRealm(realm) {
		realm = "wye"
	}
	return &Rejection{
		Status: http.StatusUnauthorized,
		Header: http.Header{"Www-Authenticate": {`Bearer realm="` + realm + `"` + params}},
		Text:   text,
		Err:    err,
	}
}

// isRealm reports whether s can stand in quotes as it is.
func isRealm(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
}

func (p *Pass) tooManyFailures(wait time.Duration) *Rejection {
	return &Rejection{
		Status: http.StatusTooManyRequests,
		Header: retryAfter(wait),
		Text:   "Too many failed credentials from your address, try later",
		Err:    gateError(ErrRate, "client %s: more than %d failed credentials a minute", p.Client, failedCredentials.Burst),
	}
}

// scrubbedError is another's error without the secret that it may repeat: an
// address that was asked, with the token in it.
type scrubbedError struct {
	text string
	err  error
}

func scrubbed(err error, secret string) error {
	text := err.Error()
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), fmt.Sprintf("%q", secret)} {
		text = strings.ReplaceAll(text, form, Redacted)
	}
	return &scrubbedError{RedactText(text), err}
}

func (e *scrubbedError) Error() string { return e.text }

// Is and As look into what was scrubbed, but its text is not to be had.
func (e *scrubbedError) Is(target error) bool { return errors.Is(e.err, target) }

func (e *scrubbedError) As(target any) bool { return errors.As(e.err, target) }
