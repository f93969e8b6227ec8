package gate

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how often something may happen. The zero value sets no bound.
type Rate struct {
	PerSecond float64 // on average
	Burst     int     // at once, after a pause; 0: PerSecond rounded up
}

func (r Rate) bounds() bool { return r != Rate{} }

// valid reports whether r, if it sets a bound, sets one that can be kept.
func (r Rate) valid() bool {
	return !r.bounds() || r.PerSecond > 0 && !math.IsInf(r.PerSecond, 1) && r.Burst >= 0
}

func (r Rate) limiter() *rate.Limiter {
	burst := r.Burst
	if burst <= 0 {
		burst = int(min(math.Ceil(r.PerSecond), math.MaxInt32))
	}
	return rate.NewLimiter(rate.Limit(r.PerSecond), burst)
}

// failedCredentials is how often a client may be wrong about who it is. A
// client that merely says nothing is not.
var failedCredentials = Rate{PerSecond: 10.0 / 60, Burst: 10}

// maxClients bounds what the gate remembers of its clients: the one that was
// not heard of the longest is forgotten, and begins anew with a full bucket.
const maxClients = 65_536

// buckets are token buckets, one for each client. The zero value is ready.
type buckets struct {
	mu sync.Mutex // guards of, and the limiters in it
	of recent[netip.Addr, *rate.Limiter]
}

// take takes a token of the client's, or returns how long it has to wait for
// one. A wait costs nothing: who asks too early is not put off further.
func (b *buckets) take(client netip.Addr, r Rate, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, known := b.of.touch(client)
	if !known {
		l = r.limiter()
		if b.of.len() >= maxClients {
			oldest, _, _ := b.of.oldest()
			b.of.take(oldest)
		}
		b.of.add(client, l)
	}
	if l.AllowN(now, 1) {
		return 0
	}
	return untilToken(l, now)
}

// wait returns how long the client has to wait for a token, and takes none.
func (b *buckets) wait(client netip.Addr, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, known := b.of.touch(client)
	if !known || l.TokensAt(now) >= 1 {
		return 0
	}
	return untilToken(l, now)
}

func untilToken(l *rate.Limiter, now time.Time) time.Duration {
	lacking := 1 - l.TokensAt(now)
	// Seconds beyond what a Duration holds are as good as never.
	seconds := min(lacking/float64(l.Limit()), math.MaxInt64/float64(time.Second)/2)
	return max(time.Duration(seconds*float64(time.Second)), 1)
}

// retryAfter is the field by which a client is told to wait. It is rounded up:
// who comes then is in time. RFC 9110 §10.2.3.
func retryAfter(wait time.Duration) http.Header {
	seconds := (wait + time.Second - 1) / time.Second
	return http.Header{"Retry-After": {strconv.FormatInt(int64(seconds), 10)}}
}

// judgeRate takes a token of the client's. It is asked also for requests that
// are refused for their Host: failures count.
func (g *Gate) judgeRate(client netip.Addr) *Rejection {
	if g == nil || !g.Rate.bounds() {
		return nil
	}
	if !g.Rate.valid() {
		return g.reject(http.StatusServiceUnavailable, ErrRate, "Not available", "there is no Rate to keep to")
	}
	wait := g.rates.take(bucketKey(client), g.Rate, time.Now())
	if wait == 0 {
		return nil
	}
	return &Rejection{
		Status: http.StatusTooManyRequests,
		Header: retryAfter(wait),
		Text:   "Too many requests from your address, try later",
		Err:    gateError(ErrRate, "client %s: more than the Rate of %v a second, %d at once", client, g.Rate.PerSecond, g.Rate.limiter().Burst()),
	}
}
