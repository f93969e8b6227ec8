package jwt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/wye-org/wye/hub/server"
)

// RemoteOptions say where keys are published.
type RemoteOptions struct {
	// URL has a JWK set, RFC 7517. It has to be https.
	URL string

	// Client asks for it. nil: one that waits 5 seconds. Redirects to anything
	// but https are not followed in either case.
	Client *http.Client

	// MaxAge is how long keys are used before they are asked for anew; while that
	// fails, the old ones go on to be used. 0: 15 minutes.
	MaxAge time.Duration

	// MinInterval is between two requests, however many tokens come with a kid that
	// is not known. 0: 30 seconds.
	MinInterval time.Duration

	// Logger is told when keys cannot be had. nil: [slog.Default].
	Logger *slog.Logger
}

// Remote is keys that are published: 64 of them in 64 KiB at the most, none of
// them a secret. They are asked for when they are needed and by whoever needs
// them, so a Remote has no goroutine and need not be closed.
type Remote struct {
	opt RemoteOptions

	mu       sync.Mutex // guards what is below
	known    []Key
	fetched  time.Time     // when known was
	tried    time.Time     // the last request; zero: there was none
	failed   error         // of the last request; nil: it went well
	fetching chan struct{} // closed when the request under way has ended; nil: there is none
}

const fetchTimeout = 5 * time.Second

// NewRemote checks opts. It asks for nothing yet.
func NewRemote(opts RemoteOptions) (*Remote, error) {
	u, err := url.Parse(opts.URL)
	if err != nil {
		return nil, fmt.Errorf("jwt: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("jwt: the keys' URL %.128q is not https: whoever changes them on the way makes tokens", u.Redacted())
	}
	r := &Remote{opt: opts}
	if r.opt.MaxAge <= 0 {
		r.opt.MaxAge = 15 * time.Minute
	}
	if r.opt.MinInterval <= 0 {
		r.opt.MinInterval = 30 * time.Second
	}
	if r.opt.Logger == nil {
		r.opt.Logger = slog.Default()
	}
	client := http.Client{}
	if opts.Client != nil {
		client = *opts.Client
	}
	check := client.CheckRedirect
	client.CheckRedirect = func(q *http.Request, via []*http.Request) error {
		switch {
		case q.URL.Scheme != "https":
			return errors.New("a redirect to what is not https")
		case check != nil:
			return check(q, via)
		case len(via) > 3:
			return errors.New("more than three redirects")
		}
		return nil
	}
	r.opt.Client = &client
	return r, nil
}

// keys returns those that are known, once one with the ID kid is among them or it is
// sure that there is none. The error wraps [server.ErrTokensAway] if that cannot be
// found out now.
func (r *Remote) keys(ctx context.Context, kid string) ([]Key, error) {
	for {
		keys, wait, ask := r.look(kid)
		switch {
		case ask:
			// Once: what has just come is all there is, however long it took.
			r.fetch(ctx)
			return r.have(kid)
		case wait == nil:
			return keys, r.missing(keys, kid)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", server.ErrTokensAway, context.Cause(ctx))
		}
	}
}

// look returns the keys that are known; or that the caller has to ask for them, or
// that it has to wait for who does.
func (r *Remote) look(kid string) (keys []Key, wait <-chan struct{}, ask bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	has := hasID(r.known, kid)
	switch {
	case has && now.Sub(r.fetched) < r.opt.MaxAge:
		return r.known, nil, false
	case r.fetching != nil && has:
		return r.known, nil, false // they will do until then
	case r.fetching != nil:
		return nil, r.fetching, false
	case !r.tried.IsZero() && now.Sub(r.tried) < r.opt.MinInterval:
		return r.known, nil, false
	}
	r.tried, r.fetching = now, make(chan struct{})
	return nil, nil, true
}

func hasID(keys []Key, kid string) bool {
	for _, k := range keys {
		if kid == "" || k.id == "" || k.id == kid {
			return true
		}
	}
	return false
}

// have returns what is known now.
func (r *Remote) have(kid string) ([]Key, error) {
	r.mu.Lock()
	keys := r.known
	r.mu.Unlock()
	return keys, r.missing(keys, kid)
}

// missing is the error if keys do not have kid because the last request failed.
func (r *Remote) missing(keys []Key, kid string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil && !hasID(keys, kid) {
		return fmt.Errorf("%w: %w", server.ErrTokensAway, r.failed)
	}
	return nil
}

// fetch asks for the keys. Others wait for it, so that it does not end with the
// caller's ctx.
func (r *Remote) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, err := []Key(nil), errors.New("the client panicked")
	defer func() { r.note(keys, err) }()
	keys, err = r.get(ctx)
}

func (r *Remote) note(keys []Key, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed = err; err == nil {
		r.known, r.fetched = keys, time.Now()
	} else {
		r.opt.Logger.Warn("jwt: the keys cannot be had", "err", err, "known", len(r.known))
	}
	close(r.fetching)
	r.fetching = nil
}

func (r *Remote) get(ctx context.Context) ([]Key, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, r.opt.URL, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := r.opt.Client.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	p, err := io.ReadAll(io.LimitReader(resp.Body, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(p) > maxKeyFile:
		return nil, fmt.Errorf("more than %d bytes of keys", maxKeyFile)
	}
	return parseJWKs(p, "", false)
}
