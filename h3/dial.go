package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/quic-go/quic-go"
)

// hostPort is where u leads.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// dial tries the addresses in turn, each with a share of the time that is left.
func dial(ctx context.Context, addrs []netip.AddrPort, tlsConfig *tls.Config, config *quic.Config) (*quic.Conn, error) {
	if len(addrs) == 0 {
		return nil, errors.New("the host has no address")
	}
	var failed error
	for i, addr := range addrs {
		share, cancel := ctx, context.CancelFunc(func() {})
		if deadline, ok := ctx.Deadline(); ok {
			share, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(addrs)-i))
		}
		qc, err := dialAddr(share, addr, tlsConfig, config)
		cancel()
		if err == nil {
			return qc, nil
		}
		failed = errors.Join(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// resolve returns the addresses of host:port, in the order of RFC 6724.
func resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return addrs, nil
}

// dialAddr opens a QUIC connection on a socket of its own, which ends with it.
func dialAddr(ctx context.Context, addr netip.AddrPort, tlsConfig *tls.Config, config *quic.Config) (*quic.Conn, error) {
	network := "udp6"
	if addr.Addr().Is4() {
		network = "udp4"
	}
	socket, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, err
	}
	transport := &quic.Transport{Conn: socket}
	end := func() {
		transport.Close()
		socket.Close()
	}
	qc, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(addr), tlsConfig, config)
	if err != nil {
		end()
		return nil, err
	}
	context.AfterFunc(qc.Context(), end)
	return qc, nil
}
