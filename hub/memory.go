package hub

import (
	"container/heap"
	"container/list"
	"crypto/rand"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Memory is an [Engine] in this process: what it stores is lost with it. Several
// hubs may share one; then they are its nodes.
type Memory struct {
	opt   MemoryOptions
	epoch string // what the epochs of its logs begin with

	keys atomic.Int64 // idempotency keys, of all logs
	away atomic.Bool  // see Cut

	mu      sync.Mutex // guards what is below, and some of each log; locked before a log's
	links   []*memoryLink
	logs    map[string]*log
	lives   uint64      // how many logs there have been
	idle    *list.List  // of logs that no node subscribes, the longest idle first
	due     schedule    // of logs in which something grows old
	timer   *time.Timer // nil: nothing grows old
	timerAt time.Time   // what it waits for
}

// MemoryOptions are a [Memory]'s. The zero value is the default.
type MemoryOptions struct {
	// MaxChannels bounds the channels that something is kept of. When there
	// are so many, the one that nobody has subscribed for the longest time
	// makes room for another, and its history is lost; if there is none,
	// another is refused. 0: 1,000,000.
	MaxChannels int

	// MaxKeys bounds the idempotency keys that are remembered: when there are
	// so many, publishing with another is refused with [ErrUnavailable] until
	// the first have grown old. 0: 1,000,000.
	MaxKeys int

	// Linger is how long the history of a channel is kept after the last node
	// has unsubscribed it, if that ends before its TTL. 0: for its TTL.
	Linger time.Duration
}

// NewMemory returns an empty engine. nil opts are the default. It needs no Close:
// what grows old is removed by a timer, of which there is one.
func NewMemory(opts *MemoryOptions) *Memory {
	m := &Memory{epoch: rand.Text()[:12], logs: map[string]*log{}, idle: list.New()}
	if opts != nil {
		m.opt = *opts
	}
	if m.opt.MaxChannels <= 0 {
		m.opt.MaxChannels = 1_000_000
	}
	if m.opt.MaxKeys <= 0 {
		m.opt.MaxKeys = 1_000_000
	}
	return m
}

// Open implements [Engine].
func (m *Memory) Open(r Receiver, _ []Namespace) (Link, error) {
	k := &memoryLink{memory: m, r: r}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links = append(m.links, k)
	return k, nil
}

// Cut is for tests: it puts the engine out of reach, for every hub that it has,
// until mend is called.
func (m *Memory) Cut() (mend func()) {
	m.away.Store(true)
	for _, k := range m.all() {
		k.r.Away(ErrUnavailable)
	}
	return sync.OnceFunc(func() {
		m.away.Store(false)
		for _, k := range m.all() {
			k.r.Back()
		}
	})
}

// Forget is for tests: it loses all history, as an engine may whose machines have
// failed. What goes on has other epochs.
func (m *Memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.logs {
		l.mu.Lock()
		m.keys.Add(-int64(len(l.keys)))
		l.epoch, l.top, l.lost, l.messages, l.keys, l.keyAges = m.newEpoch(), 0, 0, nil, nil, nil
		l.mu.Unlock()
	}
}

func (m *Memory) all() []*memoryLink {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.links)
}

// newEpoch is of a log's history that begins. mu is held.
func (m *Memory) newEpoch() string {
	m.lives++
	return m.epoch + "." + strconv.FormatUint(m.lives, 36)
}

// locked finds the log of ch and locks it; nil: there is none, and make does not
// say to make one. scheduled says whether it will be looked at for what grows old.
func (m *Memory) locked(ch Channel, make bool) (l *log, scheduled bool, err error) {
	for {
		if l, scheduled, err = m.find(ch, make); l == nil {
			return nil, false, err
		}
		l.mu.Lock()
		if !l.dropped {
			return l, scheduled, nil
		}
		l.mu.Unlock() // it was dropped a moment ago
	}
}

func (m *Memory) find(ch Channel, make bool) (l *log, scheduled bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.logs[ch.Name]; l != nil {
		return l, l.place >= 0, nil
	}
	if !make {
		return nil, false, nil
	}
	if len(m.logs) >= m.opt.MaxChannels {
		longest := m.idle.Front()
		if longest == nil {
			return nil, false, &FullError{Channels, m.opt.MaxChannels}
		}
		l := longest.Value.(*log)
		l.mu.Lock()
		m.dropLocked(l)
		l.mu.Unlock()
	}
	l = &log{Channel: ch, epoch: m.newEpoch(), place: -1}
	m.logs[ch.Name] = l
	m.restLocked(l)
	return l, false, nil
}

// restLocked notes that no node subscribes l from now on. mu is held.
func (m *Memory) restLocked(l *log) {
	l.idleSince, l.idle = time.Now(), m.idle.PushBack(l)
}

// wakeLocked notes that a node has subscribed l. mu is held.
func (m *Memory) wakeLocked(l *log) {
	if l.idle != nil {
		m.idle.Remove(l.idle)
		l.idle = nil
	}
}

// dropLocked forgets a log and what it holds. mu and the log's are held.
func (m *Memory) dropLocked(l *log) {
	l.dropped = true
	m.keys.Add(-int64(len(l.keys)))
	delete(m.logs, l.Name)
	m.wakeLocked(l)
	if l.place >= 0 {
		heap.Remove(&m.due, l.place)
	}
}

// look removes what has grown old in l, and l itself if nothing is left or it has
// lingered for long enough; otherwise it sees to it that l is looked at again.
func (m *Memory) look(l *log) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookLocked(l, time.Now())
	m.armLocked()
}

func (m *Memory) lookLocked(l *log, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped {
		return
	}
	m.keys.Add(-int64(l.expire(now)))
	next := l.next()
	if l.idle != nil && len(l.members) == 0 {
		ends := l.idleSince.Add(m.opt.Linger)
		if next.IsZero() || m.opt.Linger > 0 && !ends.After(now) {
			m.dropLocked(l)
			return
		}
		if m.opt.Linger > 0 && ends.Before(next) {
			next = ends
		}
	}
	if l.place >= 0 {
		heap.Remove(&m.due, l.place)
	}
	if !next.IsZero() {
		l.at = next
		heap.Push(&m.due, l)
	}
}

// sweep looks at every log that is due.
func (m *Memory) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer = nil
	now := time.Now()
	for len(m.due) > 0 && !m.due[0].at.After(now) {
		m.lookLocked(m.due[0], now)
	}
	m.armLocked()
}

// sweepEvery is how long the timer waits at least: what is old is not given out
// in the meantime, it only takes up room.
const sweepEvery = 100 * time.Millisecond

// armLocked has the timer wait for the first log that is due. mu is held.
func (m *Memory) armLocked() {
	if len(m.due) == 0 {
		if m.timer != nil {
			m.timer.Stop()
			m.timer = nil
		}
		return
	}
	wait := max(sweepEvery, time.Until(m.due[0].at))
	switch {
	case m.timer == nil:
		m.timer, m.timerAt = time.AfterFunc(wait, m.sweep), m.due[0].at // its function ends at once
	case m.due[0].at.Before(m.timerAt):
		m.timer.Reset(wait)
		m.timerAt = m.due[0].at
	}
}

// schedule is a heap of logs by when they have to be looked at.
type schedule []*log

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

// Push implements [heap.Interface].
func (s *schedule) Push(x any) {
	l := x.(*log)
	l.place = len(*s)
	*s = append(*s, l)
}

// Pop implements [heap.Interface].
func (s *schedule) Pop() any {
	last := len(*s) - 1
	l := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	l.place = -1
	return l
}
