package deadline

import (
	"sync"
	"time"
)

// Timer is the deadline of one direction. The zero Timer has none. Its methods
// may be called concurrently.
type Timer struct {
	mu     sync.Mutex // guards the rest
	timer  *time.Timer
	passed chan struct{} // closed when the deadline has passed; nil: nobody has asked yet
	over   bool          // passed is closed, or would be
}

// Set is SetReadDeadline or SetWriteDeadline: the zero t is no deadline, and a
// deadline that has passed can be taken back.
func (d *Timer) Set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.over {
		d.over, d.passed = false, nil // who waited before has been told
	}
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		d.passLocked()
	default:
		var mine *time.Timer
		mine = time.AfterFunc(wait, func() { // ends at once
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.timer == mine { // else it was stopped too late
				d.passLocked()
			}
		})
		d.timer = mine
	}
}

func (d *Timer) passLocked() {
	d.over = true
	if d.passed != nil {
		close(d.passed)
	}
}

// Over reports whether the deadline has passed.
func (d *Timer) Over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// Passed returns a channel that is closed when the deadline passes. It holds for
// deadlines set later too, until one has passed: ask again for each wait.
func (d *Timer) Passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passed == nil {
		d.passed = make(chan struct{})
		if d.over {
			close(d.passed)
		}
	}
	return d.passed
}
