package inspect

// Refusals are those that are remembered, the newest first, and how many there
// ever were.
func (reg *Registry) Refusals() ([]Refusal, uint64) { return reg.refusals.newest() }
