//go:build !amd64 || purego

package wire

// plainly calls f: there are no vectors here.
func plainly(f func()) { f() }
