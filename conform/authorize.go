package conform

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// An UnauthorizedError says that the target is somebody else's, as far as its
// address shows: the suite sends thousands of malformed frames and floods, and
// is for servers whose owner asked for that.
type UnauthorizedError struct {
	Host    string
	Address netip.Addr
}

func (e *UnauthorizedError) Error() string {
	return fmt.Sprintf("%s is at %v, which is neither on this machine nor on a private network: name the host as authorized if its owner wants this test", e.Host, e.Address)
}

// own reports whether an address is on this machine or a private network.
func own(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

// guard refuses a connection to an address that is neither the machine's own
// nor authorized. It looks at the address that is dialled, so that a name that
// resolves differently the second time does not slip past.
func guard(host, authorized string) func(network, address string, c syscall.RawConn) error {
	if strings.EqualFold(strings.TrimSuffix(host, "."), strings.TrimSuffix(authorized, ".")) {
		return nil
	}
	return func(_, address string, _ syscall.RawConn) error {
		h, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		a, err := netip.ParseAddr(h)
		if err != nil {
			return err
		}
		if !own(a) {
			return &UnauthorizedError{host, a}
		}
		return nil
	}
}
