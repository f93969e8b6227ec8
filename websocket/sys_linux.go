//go:build linux && !race && !msan && !asan && !386 && !s390x

package websocket

import (
	"syscall"
	"unsafe"
)

// The calls of sys_unix.go, which is their oracle, at less cost: what is asked of a
// socket that does not block takes some microseconds, for which the scheduler need
// not be told, and the kernel need not look at what a file would need. The
// scheduler is told where the kernel has much to copy: briefBytes or more.
const briefBytes = 64 << 10

// readNow reads what has come, as [syscall.Read] does.
func readNow(fd int, b []byte) (int, error) {
	if len(b) == 0 || len(b) > briefBytes {
		return syscall.Read(fd, b)
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	return result(n, errno)
}

// writeNow writes what the kernel has room for, as [syscall.Write] does.
func writeNow(fd int, b []byte) (int, error) {
	if len(b) == 0 || len(b) > briefBytes {
		return syscall.Write(fd, b)
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	return result(n, errno)
}

// writePartsNow writes what the kernel has room for of parts, in one call. There
// are one to mostParts, and none is empty.
func writePartsNow(fd int, parts [][]byte) (int, error) {
	var v [mostParts]syscall.Iovec
	all := 0
	for i, p := range parts {
		v[i].Base = unsafe.SliceData(p)
		v[i].SetLen(len(p))
		all += len(p)
	}
	var n uintptr
	var errno syscall.Errno
	if all <= briefBytes {
		n, _, errno = syscall.RawSyscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v)), uintptr(len(parts)))
	} else {
		n, _, errno = syscall.Syscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v)), uintptr(len(parts)))
	}
	return result(n, errno)
}

func result(n uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
