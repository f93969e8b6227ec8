package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Address says where a host is, instead of DNS.
type Address struct {
	Host string // in lower case; without the brackets of an IPv6 address
	Port uint16
	Addr netip.Addr
}

// ParseAddress reads HOST:PORT:ADDR. IPv6 addresses stand in brackets, which
// ADDR may also do without.
func ParseAddress(s string) (Address, error) {
	var a Address
	rest := s
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, after, closed := strings.Cut(inner, "]:")
		if !closed {
			return a, fmt.Errorf("%q: want HOST:PORT:ADDR, such as [2001:db8::1]:443:127.0.0.1", s)
		}
		if _, err := netip.ParseAddr(host); err != nil {
			return a, fmt.Errorf("%q: %q in the brackets is no IPv6 address", s, host)
		}
		a.Host, rest = host, after
	} else {
		host, after, ok := strings.Cut(s, ":")
		if !ok || host == "" || strings.ContainsAny(host, "[]/@ \t") {
			return a, fmt.Errorf("%q: want HOST:PORT:ADDR, such as example.com:443:127.0.0.1", s)
		}
		a.Host, rest = host, after
	}
	a.Host = strings.ToLower(a.Host)
	digits, text, ok := strings.Cut(rest, ":")
	port, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || port == 0 {
		return a, fmt.Errorf("%q: want a port from 1 to 65535 and an address after the host, such as example.com:443:127.0.0.1", s)
	}
	a.Port = uint16(port)
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if text, ok = strings.CutSuffix(inner, "]"); !ok {
			return a, fmt.Errorf("%q: a bracket is not closed", s)
		}
	}
	if a.Addr, err = netip.ParseAddr(text); err != nil {
		return a, fmt.Errorf("%q: %q is no IP address", s, text)
	}
	return a, nil
}

// String is the address as [ParseAddress] reads it.
func (a Address) String() string {
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	addr := a.Addr.String()
	if a.Addr.Is6() {
		addr = "[" + addr + "]"
	}
	return fmt.Sprintf("%s:%d:%s", host, a.Port, addr)
}

// Network says how transport connections are opened. The zero value is TCP with
// DNS.
type Network struct {
	Addresses []Address // the first that fits is taken
	Unix      string    // a socket's path; everything connects to it
	Only      int       // 4 or 6: the IP version; 0: any
}

// DialFunc opens a transport connection.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Dial opens a connection; it is for DialOptions.NetDial.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if n.Unix != "" {
		return d.DialContext(ctx, "unix", n.Unix)
	}
	network = n.version(network)
	address, err := n.resolved(address)
	if err != nil {
		return nil, err
	}
	nc, err := d.DialContext(ctx, network, address)
	var ae *net.AddrError
	if n.Only != 0 && errors.As(err, &ae) {
		return nil, fmt.Errorf("%w: it has no IPv%d address, which -%[2]d asks for", err, n.Only)
	}
	return nc, err
}

// resolved is address with the host in it where Addresses say it is.
func (n *Network) resolved(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	for _, a := range n.Addresses {
		if strings.EqualFold(a.Host, host) && strconv.Itoa(int(a.Port)) == port {
			return net.JoinHostPort(a.Addr.String(), port), nil
		}
	}
	return address, nil
}

// version is network for the IP version that is asked for.
func (n *Network) version(network string) string {
	if n.Only != 0 {
		network += strconv.Itoa(n.Only)
	}
	return network
}

// UDP returns where address leads for UDP, all that DNS says. Over a Unix socket
// nothing does.
func (n *Network) UDP(ctx context.Context, address string) ([]netip.AddrPort, error) {
	if n.Unix != "" {
		return nil, errors.New("--unix is for TCP's kind of connections, HTTP/3 is over UDP")
	}
	address, err := n.resolved(address)
	if err != nil {
		return nil, err
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, n.version("ip"), host)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return addrs, nil
}
