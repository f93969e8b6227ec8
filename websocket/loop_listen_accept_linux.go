package websocket

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// acceptTurn is how many connections are accepted at once.
const acceptTurn = 64

// accept is the goroutine that accepts connections. It ends when ln is closed.
func (s *heads) accept() {
	from := &acceptor{ln: s.ln}
	var err error
	for delay := time.Duration(0); err == nil; {
		err = s.waiter.wait(func() (done bool) {
			from.err = from.accept(s.waiter.fd)
			return len(from.batch) > 0 || from.err != nil
		})
		if err == nil {
			err = from.err
		}
		s.post(s.readFirst(from))
		if err == nil {
			delay = 0
		} else if isPassing(err) {
			// There are no more descriptors, say: some have to be closed first.
			delay = min(max(5*time.Millisecond, 2*delay), time.Second)
			slog.Warn("websocket: accepting a connection failed", slog.Any("err", err), slog.Duration("retrying in", delay))
			select {
			case <-time.After(delay):
			case <-s.feed.over:
			}
			err = nil
		}
	}
	if errors.Is(err, net.ErrClosed) {
		err = net.ErrClosed
	}
	s.feed.end(&net.OpError{Op: "accept", Net: "tcp", Addr: s.ln.Addr(), Err: err})
}

// readFirst reads from those who were accepted. A request that has come is dealt
// with here, which spares the loop; those that have not are returned.
func (s *heads) readFirst(a *acceptor) (rest []*head) {
	rest = a.batch[:0]
	for _, h := range a.batch {
		if !h.remote.IsValid() {
			s.feed.give(h, nil)
			continue
		}
		switch n, again, _ := receiveFrom(int(h.fd), a.reader.scratch[:]); {
		case again || n > 0 && !s.received(h, &a.reader, n):
			rest = append(rest, h)
		case n == 0:
			closeSocket(int(h.fd), false)
		}
	}
	a.batch = a.batch[:0]
	return rest
}

// acceptor accepts connections, some at a time.
type acceptor struct {
	ln     *net.TCPListener
	reader headReader
	batch  []*head
	err    error
	last   netip.AddrPort // the local address of the connection before
	local  net.Addr       // and as this
}

// accept fills batch with what is there.
func (a *acceptor) accept(fd int) error {
	for len(a.batch) < acceptTurn {
		got, from, err := syscall.Accept4(fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			syscall.SetsockoptInt(got, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) // as net does
			a.batch = append(a.batch, &head{fd: int32(got), slot: -1, remote: addrOf(from), local: a.localOf(got)})
		case syscall.EINTR, syscall.ECONNABORTED:
		case syscall.EAGAIN:
			return nil
		default:
			return err
		}
	}
	return nil
}

// localOf returns one Addr for all connections to the same address.
func (a *acceptor) localOf(fd int) net.Addr {
	if tcp, ok := a.ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		return tcp // as long as it is the listener's, there is only this
	}
	sa, _ := syscall.Getsockname(fd)
	if at := addrOf(sa); a.local == nil || at != a.last {
		a.last, a.local = at, net.TCPAddrFromAddrPort(at)
	}
	return a.local
}

// addrOf returns sa, if it has no zone.
func addrOf(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		if sa.ZoneId == 0 {
			return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
		}
	}
	return netip.AddrPort{}
}

// waiter waits for connections. A listener itself cannot be waited for but in its
// Accept, so this has another descriptor of the socket.
type waiter struct {
	below syscall.RawConn // the listener's
	file  *os.File        // owns fd
	raw   syscall.RawConn
	fd    int
}

// closedAfter is how soon a listener is found to be closed by somebody but srv.
const closedAfter = time.Second

func waitFor(ln *net.TCPListener) (w *waiter, err error) {
	w = new(waiter)
	if w.below, err = ln.SyscallConn(); err != nil {
		return nil, err
	}
	if w.fd, err = duplicate(w.below); err != nil {
		return nil, err
	}
	w.file = os.NewFile(uintptr(w.fd), "listener")
	if w.raw, err = w.file.SyscallConn(); err == nil {
		err = w.file.SetReadDeadline(time.Now().Add(closedAfter))
	}
	if err != nil {
		w.file.Close()
		return nil, err
	}
	return w, nil
}

// wait calls try whenever there may be a connection, until that says that it is
// done. It fails when the listener is closed.
func (w *waiter) wait(try func() (done bool)) error {
	for {
		err := w.raw.Read(func(uintptr) bool { return try() })
		if closed := w.below.Control(func(uintptr) {}); closed != nil {
			return closed
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		w.file.SetReadDeadline(time.Now().Add(closedAfter))
	}
}

// isPassing reports whether accepting may go well another time.
func isPassing(err error) bool {
	for _, errno := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
