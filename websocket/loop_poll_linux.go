package websocket

import (
	"net"
	"os"
	"syscall"
	"time"
)

// canPoll says that there are event loops on this system.
const canPoll = true

// poller is an epoll instance that waits in the runtime's own, so that no thread
// is blocked. It is level-triggered.
type poller struct {
	fd     int
	file   *os.File // owns fd
	raw    syscall.RawConn
	try    func(fd uintptr) bool // tryWait, made once
	ready  []syscall.EpollEvent  // a part of events
	events [256]syscall.EpollEvent
}

// What a socket is ready for, or watched for.
const (
	canRead = syscall.EPOLLIN
	canSend = syscall.EPOLLOUT
	broken  = syscall.EPOLLERR | syscall.EPOLLHUP
	oneShot = syscall.EPOLLONESHOT // tell once, and not again before change
)

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	syscall.SetNonblock(fd, true) // so that os sees that it can be waited for
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	p.try = p.tryWait
	if p.raw, err = p.file.SyscallConn(); err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // fails where it cannot
	}
	if err != nil {
		p.file.Close()
		return nil, err
	}
	return p, nil
}

func (p *poller) close() { p.file.Close() }

// wait waits until something is ready, or until the time of wakeAt.
func (p *poller) wait() {
	p.ready = nil
	if p.raw.Read(p.try) != nil { // the time has come: who is ready must not wait
		p.look()
	}
}

// look is wait that does not.
func (p *poller) look() { p.tryWait(0) }

func (p *poller) tryWait(uintptr) bool {
	n, err := syscall.EpollWait(p.fd, p.events[:], 0)
	p.ready = p.events[:max(n, 0)]
	return n > 0 || err != nil && err != syscall.EINTR
}

// wakeAt says when wait ends at the latest; zero: with what is ready. It may be
// called at any time.
func (p *poller) wakeAt(t time.Time) { p.file.SetReadDeadline(t) }

// event returns what add was given for the socket that is ready, and what for.
func (p *poller) event(i int) (at int, gen, what uint32) {
	e := &p.ready[i]
	return int(e.Fd), uint32(e.Pad), e.Events
}

// add watches fd. at and gen come with its events; it is closed to be taken out.
func (p *poller) add(fd, at int, gen, what uint32) error {
	return syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: what, Fd: int32(at), Pad: int32(gen)})
}

// change changes what fd is watched for. It may be called at any time.
func (p *poller) change(fd, at int, gen, what uint32) {
	syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_MOD, fd, &syscall.EpollEvent{Events: what, Fd: int32(at), Pad: int32(gen)})
}

// remove has fd, which stays open, be watched no longer.
func (p *poller) remove(fd int) { syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, fd, nil) }

// takeSocket returns a descriptor of nc's socket that stays when nc is closed.
func takeSocket(nc *net.TCPConn) (fd int, err error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return -1, err
	}
	return duplicate(raw)
}

// duplicate returns another descriptor of the same socket.
func duplicate(raw syscall.RawConn) (fd int, err error) {
	if ctl := raw.Control(func(below uintptr) {
		n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, below, syscall.F_DUPFD_CLOEXEC, 0)
		if fd = int(n); errno != 0 {
			err = errno
		}
	}); ctl != nil {
		return -1, ctl
	}
	return fd, err
}

// receiveFrom reads what has come, without waiting. n is 0 at the end.
func receiveFrom(fd int, b []byte) (n int, again bool, err error) {
	n, err = readNow(fd, b)
	again = err == syscall.EAGAIN || err == syscall.EINTR
	return max(n, 0), again, err
}

// sendTo sends what the kernel takes of f without waiting.
func sendTo(fd int, f *frames) (n int, err error) {
	n, _, err = f.writeNow(fd)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		err = nil
	}
	return max(n, 0), err
}

// sendPlain sends what the kernel takes of b without waiting.
func sendPlain(fd int, b []byte) (n int, err error) {
	n, err = syscall.Write(fd, b)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		err = nil
	}
	return max(n, 0), err
}

func closeSending(fd int) { syscall.Shutdown(fd, syscall.SHUT_WR) }

// closeSocket closes fd; the peer sees a reset if that is asked for.
func closeSocket(fd int, reset bool) {
	if reset {
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}
	syscall.Close(fd)
}

// probe has the kernel look whether a silent peer is there, as often as net does.
func probe(fd int) {
	for _, o := range [...]struct{ level, option, value int }{
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15}, {syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15}, {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 9},
	} {
		syscall.SetsockoptInt(fd, o.level, o.option, o.value)
	}
}
