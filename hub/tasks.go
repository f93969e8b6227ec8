package hub

import "sync"

// tasks are the goroutines of a hub, which Close waits for.
type tasks struct {
	mu     sync.Mutex // guards what is below
	n      int
	closed bool
	done   chan struct{} // closed when n is 0 after closed
}

// start runs f on a goroutine, which is the hub's and ends with f; not any more
// once all of them have ended for good.
func (t *tasks) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed && t.n == 0 {
		return false
	}
	t.n++
	go func() { // see above
		defer t.end()
		f()
	}()
	return true
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.closed && t.n == 0 {
		close(t.done)
	}
}

// wait returns when none runs. What still runs may start others until then.
func (t *tasks) wait() {
	t.mu.Lock()
	if !t.closed {
		t.closed, t.done = true, make(chan struct{})
		if t.n == 0 {
			close(t.done)
		}
	}
	t.mu.Unlock()
	<-t.done
}
