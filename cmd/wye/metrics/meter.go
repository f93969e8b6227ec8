// Package metrics counts what happens to a server's connections: for Prometheus,
// and second by second for people.
package metrics

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Kind is what connections are told apart by. Its values are the server's own
// words, not a client's: each makes a time series of its own.
type Kind struct {
	Carrier  string // "h1", "h2" or "h3"
	Token    string // what was switched to: "websocket", "example/1"
	Endpoint string // the pattern of the path: "/ws/{room}"
}

// maxKinds bounds the time series. What comes after counts as other.
const maxKinds = 200

var other = Kind{"other", "other", "other"}

// maxResults bounds the answers to handshakes that are told apart.
const maxResults = 100

// Switched is the result of a handshake that was not refused, RFC 9110 §15.2.2.
// Over HTTP/2 and HTTP/3 that is answered with 200; it counts as Switched too.
const Switched = 101

// A Meter counts. Make one with [NewMeter]. Its methods may be called
// concurrently; those of messages and bytes neither lock nor allocate.
type Meter struct {
	received, sent direction
	trips          trips

	mu         sync.Mutex
	kinds      map[Kind]connections
	handshakes map[int]int64 // by status
	live       func() Live
}

// direction is what went one way. What goes the other is counted on other cores.
type direction struct {
	text, binary, bytes atomic.Int64
	_                   [104]byte
}

// connections are those of one Kind.
type connections struct{ open, opened int64 }

// Live is what only a look at every live connection tells.
type Live struct {
	Queued int64           // bytes that wait to be sent
	RTT    []time.Duration // the last one of each that knows it, in no order
}

// NewMeter returns a meter at zero.
func NewMeter() *Meter {
	return &Meter{kinds: map[Kind]connections{}, handshakes: map[int]int64{}}
}

// LookAt has look called whenever the values are asked for.
func (m *Meter) LookAt(look func() Live) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = look
}

// Opened counts a connection in. The Kind that it returns is the one to count it
// out with.
func (m *Meter) Opened(k Kind) Kind {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.kinds[k]; !known && len(m.kinds) >= maxKinds {
		k = other
	}
	c := m.kinds[k]
	c.open++
	c.opened++
	m.kinds[k] = c
	return k
}

// Closed counts a connection out.
func (m *Meter) Closed(k Kind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.kinds[k]
	c.open--
	m.kinds[k] = c
}

// Handshake counts how a request to switch was answered.
func (m *Meter) Handshake(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.handshakes[status]; !known && len(m.handshakes) >= maxResults {
		status = 0
	}
	m.handshakes[status]++
}

// ReceivedMessage counts a message of n bytes of payload.
func (m *Meter) ReceivedMessage(binary bool, n int) { m.received.message(binary, n) }

// SentMessage counts a message of n bytes of payload.
func (m *Meter) SentMessage(binary bool, n int) { m.sent.message(binary, n) }

// ReceivedBytes counts what is no message.
func (m *Meter) ReceivedBytes(n int) { m.received.bytes.Add(int64(n)) }

// SentBytes counts what is no message.
func (m *Meter) SentBytes(n int) { m.sent.bytes.Add(int64(n)) }

// RoundTrip counts an answered ping.
func (m *Meter) RoundTrip(d time.Duration) { m.trips.observe(d) }

func (d *direction) message(binary bool, n int) {
	if binary {
		d.binary.Add(1)
	} else {
		d.text.Add(1)
	}
	d.bytes.Add(int64(n))
}

// look asks about the live connections. No lock is held meanwhile.
func (m *Meter) look() Live {
	m.mu.Lock()
	look := m.live
	m.mu.Unlock()
	if look == nil {
		return Live{}
	}
	return look()
}

// kindCount is how many connections of a Kind there are and were.
type kindCount struct {
	Kind
	connections
}

// counts are copies, in the order of their names.
func (m *Meter) counts() (kinds []kindCount, handshakes map[int]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, c := range m.kinds {
		kinds = append(kinds, kindCount{k, c})
	}
	slices.SortFunc(kinds, func(a, b kindCount) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Token, b.Token), cmp.Compare(a.Carrier, b.Carrier))
	})
	return kinds, maps.Clone(m.handshakes)
}
