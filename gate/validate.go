package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Validate reports every entry of the configuration that cannot be understood,
// and how to write it. Call it when the program starts: without it such an
// entry shows only in the logs of the requests that it should have allowed.
func (g *Gate) Validate() error {
	return errors.Join(slices.Collect(g.invalid)...)
}

// invalid yields an error for each entry that cannot be understood.
func (g *Gate) invalid(yield func(error) bool) {
	if g == nil {
		return
	}
	for i, entry := range g.Hosts {
		if entry == wildcard {
			continue
		}
		if _, err := parseHostPattern(entry); err != nil && !yield(fmt.Errorf("gate: Hosts[%d] %s: %w", i, quoted(entry), err)) {
			return
		}
	}
	for i, entry := range g.Origins {
		if entry == wildcard {
			continue
		}
		if err := validateOrigin(entry); err != nil && !yield(fmt.Errorf("gate: Origins[%d] %s: %w", i, quoted(entry), err)) {
			return
		}
	}
	for i, prefix := range g.TrustedProxies {
		if !prefix.IsValid() && !yield(fmt.Errorf("gate: TrustedProxies[%d] is no prefix: make one by netip.ParsePrefix, such as 10.0.0.0/8", i)) {
			return
		}
		// Addresses are compared in their short form, so it would match none.
		if prefix.Addr().Is4In6() && !yield(fmt.Errorf("gate: TrustedProxies[%d] %s: write a prefix of IPv4 as such", i, prefix)) {
			return
		}
	}
	for _, err := range []error{g.invalidRate(), g.invalidCookie(), g.invalidRealm()} {
		if err != nil && !yield(err) {
			return
		}
	}
}

func (g *Gate) invalidRate() error {
	if g.Rate.valid() {
		return nil
	}
	return fmt.Errorf("gate: Rate %+v: want PerSecond above 0 and a Burst that is not below", g.Rate)
}

func (g *Gate) invalidCookie() error {
	switch {
	case g.Cookie == "":
		return nil
	case !isToken(g.Cookie):
		return fmt.Errorf("gate: Cookie %s is no name of a cookie: want letters, digits, hyphens and underscores", quoted(g.Cookie))
	case !g.cookies():
		return errors.New("gate: Cookie is set, and Origins has `*`: any page could then connect as its visitor, whose browser sends the cookie along. List the origins, or leave out the Cookie")
	case g.Verifier == nil:
		return errors.New("gate: Cookie is set, but there is no Verifier to ask whose it is")
	}
	return nil
}

func (g *Gate) invalidRealm() error {
	if isRealm(g.Realm) {
		return nil
	}
	return fmt.Errorf("gate: Realm %s: want printable ASCII without quotes and backslashes", quoted(g.Realm))
}

func validateOrigin(entry string) error {
	_, err := parseOriginPattern(entry)
	if err == nil {
		return nil
	}
	if entry == "null" {
		return errors.New("null is the origin of every sandboxed frame and cannot be listed: serve the page over HTTP, or allow every page by `*`")
	}
	if _, bad := parseOriginPattern("https://" + entry); bad == nil && !strings.Contains(entry, "://") {
		return fmt.Errorf("no scheme: write %q", "https://"+entry)
	}
	if scheme, rest, found := strings.Cut(entry, "://"); found {
		authority, _, _ := strings.Cut(rest, "/")
		bare := scheme + "://" + authority
		if _, bad := parseOriginPattern(bare); bad == nil {
			return fmt.Errorf("an origin has no path: write %q", bare)
		}
	}
	return err
}
