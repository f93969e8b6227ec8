// Package pace bounds how often something may happen, and waits until it may.
package pace

import (
	"context"
	"time"
)

// A Rate is so many events a second, of which as many may come at once. The
// zero Rate bounds nothing.
type Rate float64

// A Meter holds one source of events to a Rate. Its zero value is ready. It is
// for one goroutine at a time.
type Meter struct {
	// due is when all that was counted will have been worked off at the rate:
	// the generic cell rate algorithm, whose whole state is one time.
	due time.Time
}

// Allow counts an event at now and reports true, or says how long to wait until
// the next one is within the rate; such an event is not counted.
func (m *Meter) Allow(r Rate, now time.Time) (wait time.Duration, ok bool) {
	if r <= 0 {
		return 0, true
	}
	gap := time.Duration(float64(time.Second) / float64(r))
	due := m.due
	if due.Before(now) {
		due = now
	}
	// A full second of events may come at once.
	if wait := due.Add(gap).Sub(now) - max(time.Second, gap); wait > 0 {
		return wait, false
	}
	m.due = due.Add(gap)
	return 0, true
}

// Wait counts an event as soon as the rate allows one, or returns the cause of
// ctx's end.
func (m *Meter) Wait(ctx context.Context, r Rate) error {
	for ctx.Err() == nil {
		wait, ok := m.Allow(r, time.Now())
		if ok {
			return nil
		}
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// Sleep returns nil after d, or the cause of ctx's end, whichever comes first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
