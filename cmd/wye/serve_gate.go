package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
)

// newGate is what judges the requests that want to be switched.
func newGate(o serveOptions, loopback bool) (*gate.Gate, error) {
	g := &gate.Gate{
		Hosts:                   o.hosts,
		Origins:                 o.origins,
		TrustedProxies:          o.trustedProxies,
		Rate:                    gate.Rate(o.rate),
		MaxConnections:          o.maxConnections,
		MaxConnectionsPerClient: o.maxPerClient,
		Cookie:                  o.cookie,
	}
	if loopback {
		g.Hosts = append(gate.LoopbackHosts(), o.hosts...)
	}
	if o.tokenFile != "" {
		tokens, err := readTokens("--token-file", o.tokenFile)
		if err != nil {
			return nil, err
		}
		g.Verifier = tokens
	} else if o.cookie != "" {
		return nil, errors.New("--cookie names where a token is, but there is no --token-file to look it up in: add one")
	}
	return g, g.Validate()
}

func readTokens(flag, name string) (*gate.Tokens, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	defer f.Close()
	tokens, err := gate.ReadTokens(f)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, name, err)
	}
	if tokens.Len() == 0 {
		return nil, fmt.Errorf("%s %s: it has no tokens, so nobody could connect: write a line name:token", flag, name)
	}
	return tokens, nil
}

// rateFlag is a gate.Rate as it is written after --rate: 10/s, 0.5/s or 10/s,50.
type rateFlag gate.Rate

func (f *rateFlag) Type() string { return "N/s[,burst]" }

func (f *rateFlag) String() string {
	if f.PerSecond == 0 {
		return ""
	}
	s := strconv.FormatFloat(f.PerSecond, 'g', -1, 64) + "/s"
	if f.Burst > 0 {
		s += "," + strconv.Itoa(f.Burst)
	}
	return s
}

func (f *rateFlag) Set(s string) error {
	number, burst, hasBurst := strings.Cut(s, ",")
	number, perSecond := strings.CutSuffix(number, "/s")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !perSecond || !(n > 0 && n <= 1e9) {
		return errors.New("want a number above 0 and /s, such as 10/s, 0.5/s or 10/s,50")
	}
	rate := rateFlag{PerSecond: n}
	if hasBurst {
		if rate.Burst, err = strconv.Atoi(burst); err != nil || rate.Burst < 1 {
			return errors.New("want a number of at least 1 after the comma, as in 10/s,50")
		}
	}
	*f = rate
	return nil
}

// proxiesFlag is --trusted-proxy: each an address or a prefix.
type proxiesFlag []netip.Prefix

func (f *proxiesFlag) Type() string { return "CIDR" }

func (f *proxiesFlag) String() string {
	var texts []string
	for _, p := range *f {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, " ")
}

func (f *proxiesFlag) Set(s string) error {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		addr, bad := netip.ParseAddr(s)
		if bad != nil || addr.Zone() != "" {
			return errors.New("want an address or a prefix, such as 10.0.0.7 or 10.0.0.0/8")
		}
		addr = addr.Unmap()
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	*f = append(*f, prefix)
	return nil
}

// guarded is a protocol whose requests the gate judges first. A WebSocket's are
// judged by package websocket.
type guarded struct {
	gate     *gate.Gate
	protocol wye.Protocol
}

func (p guarded) Check(r *http.Request, t wye.Token) (*wye.Agreement, error) {
	pass, err := p.gate.Check(r)
	if err != nil {
		return nil, err
	}
	agreed, err := p.protocol.Check(r, t)
	if err != nil {
		pass.Release()
		return nil, err
	}
	return &wye.Agreement{
		Header:    agreed.Header,
		Principal: pass.Principal,
		Serve: func(ctx context.Context, r *wye.Request, c wye.Conn) error {
			defer pass.Release()
			if !pass.Expires.IsZero() {
				var cancel context.CancelFunc
				ctx, cancel = context.WithDeadline(ctx, pass.Expires)
				defer cancel()
			}
			return agreed.Serve(ctx, r, c)
		},
		Cancel: func() {
			pass.Release()
			if agreed.Cancel != nil {
				agreed.Cancel()
			}
		},
	}, nil
}
