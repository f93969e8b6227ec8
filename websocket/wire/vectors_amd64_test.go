//go:build !purego

package wire

// plainly calls f with the vectors off.
func plainly(f func()) {
	defer func(had bool) { hasAVX2 = had }(hasAVX2)
	hasAVX2 = false
	f()
}
