package pace_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/cmd/wye/pace"
)

func TestAllow(t *testing.T) {
	start := time.Unix(1000, 0)
	var m pace.Meter
	allow := func(after time.Duration, want bool) {
		t.Helper()
		if _, ok := m.Allow(10, start.Add(after)); ok != want {
			t.Fatalf("event after %v: allowed %v, want %v", after, ok, want)
		}
	}
	for range 10 {
		allow(0, true)
	}
	allow(0, false)
	allow(99*time.Millisecond, false)
	allow(100*time.Millisecond, true)
	allow(100*time.Millisecond, false)
	for range 10 { // what was not used is there again, but no more than a second of it
		allow(time.Hour, true)
	}
	allow(time.Hour, false)
}

func TestTheZeroRateBoundsNothing(t *testing.T) {
	var m pace.Meter
	for range 1000 {
		if _, ok := m.Allow(0, time.Unix(0, 0)); !ok {
			t.Fatal("refused")
		}
	}
}

func TestARateBelowOneASecond(t *testing.T) {
	var m pace.Meter
	start := time.Unix(1000, 0)
	if _, ok := m.Allow(0.5, start); !ok {
		t.Fatal("the first event was refused")
	}
	if wait, ok := m.Allow(0.5, start.Add(time.Second)); ok || wait != time.Second {
		t.Errorf("one second later: allowed %v, wait %v; want a second more", ok, wait)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m pace.Meter
		start := time.Now()
		for range 25 {
			if err := m.Wait(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 1500*time.Millisecond {
			t.Errorf("25 events at 10 a second took %v, want 1.5s: 10 come at once", took)
		}

		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		if err := m.Wait(ctx, 10); err != cause {
			t.Errorf("Wait ended with %v, want the cause of its context's end", err)
		}
		if err := m.Wait(ctx, 0); err != cause {
			t.Errorf("Wait under an ended context: %v", err)
		}
	})
}
