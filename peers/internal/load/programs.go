package load

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs are the servers beside this package, compiled.
type Programs struct{ dir string }

// Build compiles them. The folder peers is the working directory.
func Build(ctx context.Context) (Programs, error) {
	dir, err := os.MkdirTemp("", "wye-peers-")
	if err != nil {
		return Programs{}, err
	}
	p := Programs{dir}
	for _, command := range [][]string{
		{"go", "build", "-o", p.server(), "./server"},
		{"gcc", "-O2", "-o", p.raw(), "raw/server.c"},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			p.Remove()
			return Programs{}, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
		}
	}
	return p, nil
}

// Remove removes them.
func (p Programs) Remove() { _ = os.RemoveAll(p.dir) }

func (p Programs) server() string { return filepath.Join(p.dir, "server") }

func (p Programs) raw() string { return filepath.Join(p.dir, "raw") }

// Server is the command that starts an implementation of ./server, with further
// flags, on a free port.
func (p Programs) Server(impl string, flags ...string) []string {
	return append([]string{p.server(), "-impl", impl, "-port", "0"}, flags...)
}

// Raw is the command that starts the loop in C, on a free port.
func (p Programs) Raw() []string { return []string{p.raw(), "0"} }
