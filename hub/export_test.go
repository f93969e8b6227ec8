package hub

// Size is how many logs there are, and idempotency keys in them.
func (m *Memory) Size() (logs, keys int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.logs), int(m.keys.Load())
}
