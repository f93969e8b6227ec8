package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wye-org/wye/internal/interop"
)

// upgrades are the conversations, here with h2spec and npm's packages too.
func upgrades() []interop.Check { return slices.Concat(interop.Checks(), overHTTP2, h2specs) }

// missingPrograms names what the upgrades need and is not there.
func missingPrograms() (missing []string) {
	for _, c := range upgrades() {
		if name := c.Missing(); name != "" {
			missing = append(missing, fmt.Sprintf("%s, for %s", name, c.Title))
		}
	}
	return missing
}

// writeUpgrades runs the upgrades to h2c and TLS with programs of others, and
// writes how they went.
func writeUpgrades(ctx context.Context, w io.Writer) (fails int, err error) {
	fmt.Fprint(w, "\n## HTTP/2, and TLS by an upgrade\n\n"+
		"curl, nghttp, h2load, h2spec, undici, lpstat and ipptool are clients of our server; our client meets the others.\n\n"+
		"| program | version | what | |\n|---|---|---|---|\n")
	var notes []string
	for _, c := range upgrades() {
		if c.Missing() != "" {
			continue // it was said before, and nothing will be written
		}
		version, err := c.VersionNumber(ctx)
		if err != nil {
			return fails, err
		}
		note, err := runCheck(ctx, c)
		if ctx.Err() != nil {
			return fails, ctx.Err() // of a run that was ended nothing is written
		}
		cell := "yes"
		switch {
		case err != nil:
			fails++
			cell = "FAIL"
			notes = append(notes, fmt.Sprintf("- FAIL: %s, %s: %v", c.Peer, c.Title, err))
			fmt.Fprintf(os.Stderr, "FAIL %s, %s: %v\n", c.Peer, c.Title, err)
		case note != "":
			cell += ": " + note
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", c.Peer, version, c.Title, cell)
	}
	if len(notes) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.Join(notes, "\n"))
	}
	return fails, nil
}

// runCheck gives c a folder that every user may enter: some programs become
// another one.
func runCheck(ctx context.Context, c interop.Check) (note string, err error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return c.Run(ctx, dir)
}
