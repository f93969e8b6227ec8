//go:build unix && (!linux || race || msan || asan || 386 || s390x)

package websocket

import "syscall"

// readNow reads what has come, as [syscall.Read] does.
func readNow(fd int, b []byte) (int, error) { return syscall.Read(fd, b) }

// writeNow writes what the kernel has room for, as [syscall.Write] does.
func writeNow(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }

// writePartsNow writes what the kernel has room for of parts. There are one to
// mostParts, and none is empty.
func writePartsNow(fd int, parts [][]byte) (n int, err error) {
	for _, p := range parts {
		var k int
		if k, err = syscall.Write(fd, p); k > 0 {
			n += k
		}
		if k < len(p) {
			break
		}
	}
	if n > 0 {
		return n, nil // an error will come again
	}
	return -1, err
}
