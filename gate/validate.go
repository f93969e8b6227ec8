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
