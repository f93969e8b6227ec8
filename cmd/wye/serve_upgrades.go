package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/wye-org/wye/h2c"
	"github.com/wye-org/wye/tlsupgrade"
)

// checkUpgrades finds values of --upgrade that mean nothing.
func checkUpgrades(o serveOptions) error {
	for _, u := range o.upgrades {
		switch {
		case !slices.Contains([]string{"h2c", "tls", "none"}, u):
			return fmt.Errorf("--upgrade %q: want h2c, tls, both with a comma between them, or none", u)
		case u == "none" && len(o.upgrades) > 1:
			return errors.New("--upgrade none goes with nothing else: leave out none, or the others")
		case u != "none" && (o.tlsSelfSigned || o.tlsCert != ""):
			return fmt.Errorf("--upgrade %s is for connections without TLS: leave out --tls-cert and --tls-self-signed, or it", u)
		}
	}
	return nil
}

// enableUpgrades has srv take the upgrades from HTTP/1.1 to HTTP/2 and to TLS
// that were asked for; where only this machine can connect, both unless others
// were. It returns the SHA-256 of the certificate behind the latter.
func (o serveOptions) enableUpgrades(srv *http.Server, secure bool, addr net.Addr, log *slog.Logger) (sum string, err error) {
	upgrades := o.upgrades
	if upgrades == nil && !secure && isLoopback(addr) {
		upgrades = []string{"h2c", "tls"}
	}
	if slices.Contains(upgrades, "h2c") {
		h2c.Enable(srv, &h2c.Options{Allow: o.notFromProxy, Logger: log})
	}
	if slices.Contains(upgrades, "tls") {
		cert, err := selfSigned(certNames(o, addr), time.Now())
		if err != nil {
			return "", fmt.Errorf("--upgrade tls: %w", err)
		}
		tlsupgrade.Enable(srv, &tls.Config{Certificates: []tls.Certificate{cert}}, &tlsupgrade.Options{Allow: o.notFromProxy, Logger: log})
		sum = sumOf(cert)
	}
	return sum, nil
}

// notFromProxy reports whether r does not come from a trusted proxy. Upgrade is
// between two neighbours; from a proxy that passes it on, it would take all that
// follows past what the proxy lets through.
func (o serveOptions) notFromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return len(o.trustedProxies) == 0
	}
	addr := peer.Addr().Unmap().WithZone("")
	return !slices.ContainsFunc(o.trustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}
