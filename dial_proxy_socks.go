package wye

import (
	"context"
	"net"

	"golang.org/x/net/proxy"
)

// socks asks the SOCKS version 5 proxy at address for a tunnel to target. RFC 1928. The proxy
// resolves names, whether its URL says socks5 or socks5h, as package net/http has
// it: so nobody here learns where we go, and what only the proxy can resolve
// works.
func (v *via) socks(nc net.Conn, address, target string) error {
	var auth *proxy.Auth // RFC 1929
	if u := v.url.User; u != nil {
		password, _ := u.Password()
		auth = &proxy.Auth{User: u.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", address, auth, connected{nc})
	if err != nil {
		return err
	}
	// It reads no further than the proxy's answer, and nc's deadline is ours: see
	// open.
	_, err = d.Dial("tcp", target)
	return err
}

// connected dials what has been dialled already.
type connected struct{ net.Conn }

func (c connected) Dial(string, string) (net.Conn, error) { return c.Conn, nil }

func (c connected) DialContext(context.Context, string, string) (net.Conn, error) { return c.Conn, nil }
