package gate

// recent is a map that knows which of its entries was touched the longest time
// ago. The zero value is empty and ready. It has no lock of its own.
type recent[K comparable, V any] struct {
	entries map[K]*recentEntry[K, V]
	ends    recentEntry[K, V] // ends.newer is the oldest entry, ends.older the newest; both &ends when empty
}

type recentEntry[K comparable, V any] struct {
	key          K
	value        V
	newer, older *recentEntry[K, V]
}

func (m *recent[K, V]) len() int { return len(m.entries) }

// touch returns the value of k, whose entry becomes the newest.
func (m *recent[K, V]) touch(k K) (v V, found bool) {
	e := m.entries[k]
	if e == nil {
		return v, false
	}
	e.unlink()
	m.link(e)
	return e.value, true
}

// add makes v the value of k, which has none yet, and its entry the newest.
func (m *recent[K, V]) add(k K, v V) {
	if m.entries == nil {
		m.entries = make(map[K]*recentEntry[K, V])
		m.ends.newer, m.ends.older = &m.ends, &m.ends
	}
	e := &recentEntry[K, V]{key: k, value: v}
	m.entries[k] = e
	m.link(e)
}

// take removes k and returns what its value was.
func (m *recent[K, V]) take(k K) (v V, found bool) {
	e := m.entries[k]
	if e == nil {
		return v, false
	}
	e.unlink()
	delete(m.entries, k)
	return e.value, true
}

// oldest returns the entry that was touched or added the longest time ago.
func (m *recent[K, V]) oldest() (k K, v V, found bool) {
	if len(m.entries) == 0 {
		return k, v, false
	}
	e := m.ends.newer
	return e.key, e.value, true
}

// link makes e the newest.
func (m *recent[K, V]) link(e *recentEntry[K, V]) {
	e.older, e.newer = m.ends.older, &m.ends
	e.older.newer, e.newer.older = e, e
}

func (e *recentEntry[K, V]) unlink() {
	e.older.newer, e.newer.older = e.newer, e.older
}
