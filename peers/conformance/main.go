// Command conformance runs wye's conformance suite against the servers and the
// clients of the libraries that wye is compared with, and writes the table
// docs/conformance-peers.md. It runs in the folder peers:
//
//	go run ./conformance
//
// Node's ws needs `npm ci` in the folder node, Python's websockets the package
// python3-websockets; a peer that is not there is named and left out.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/wye-org/wye/conform"
)

// A peer is a library with the programs that are made with it.
type peer struct {
	name    string
	version func() (string, error)
	server  func(bin, mode string) *exec.Cmd // prints "listening on http://HOST:PORT"
	client  func(bin, url, mode string) *exec.Cmd
	modes   []string // of permessage-deflate; the first is used for the client
}

var peers = []peer{
	goPeer("gorilla", "github.com/gorilla/websocket", "nct"),
	goPeer("coder", "github.com/coder/websocket", "ct"),
	goPeer("gobwas", "github.com/gobwas/ws", "nct"),
	goPeer("gws", "github.com/lxzan/gws", "ct"),
	{
		name: "node ws",
		version: func() (string, error) {
			return output("node", "-p", "require('./node/node_modules/ws/package.json').version")
		},
		server: func(_, mode string) *exec.Cmd { return exec.Command("node", "node/server.js", "0", mode) },
		client: func(_, url, mode string) *exec.Cmd { return exec.Command("node", "node/client.js", url, mode) },
		modes:  []string{"ct"},
	},
	{
		name: "python websockets",
		version: func() (string, error) {
			return output(python, "-c", "import websockets.version as v; print(v.version)")
		},
		server: func(_, mode string) *exec.Cmd { return exec.Command(python, "python/server.py", "0", mode) },
		client: func(_, url, mode string) *exec.Cmd { return exec.Command(python, "python/client.py", url, mode) },
		modes:  []string{"ct"},
	},
	{
		name:    "wye",
		version: func() (string, error) { return "this tree", nil },
		server: func(bin, mode string) *exec.Cmd {
			return exec.Command(bin+"/server", "-impl", "wye-conn", "-port", "0", "-deflate", mode)
		},
		client: func(bin, url, mode string) *exec.Cmd {
			return exec.Command(bin+"/client", "-impl", "wye-conn", "-url", url, "-deflate", mode)
		},
		modes: []string{"ct"},
	},
}

// python is the system's own: distributions put its packages nowhere else.
const python = "/usr/bin/python3"

func goPeer(name, module, mode string) peer {
	impl := name
	if name == "coder" {
		impl = "coder-stream" // as its own example does
	}
	return peer{
		name:    name,
		version: func() (string, error) { return output("go", "list", "-m", "-f", "{{.Version}}", module) },
		server: func(bin, mode string) *exec.Cmd {
			return exec.Command(bin+"/server", "-impl", impl, "-port", "0", "-deflate", mode)
		},
		client: func(bin, url, mode string) *exec.Cmd {
			return exec.Command(bin+"/client", "-impl", name, "-url", url, "-deflate", mode)
		},
		modes: []string{mode},
	}
}

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

func main() {
	out := flag.String("out", "../docs/conformance-peers.md", "the file to write")
	only := flag.String("only", "", "run this peer alone")
	long := flag.Bool("long", false, "run the long performance cases too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *only, *long); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, only string, long bool) error {
	bin, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./server", "./client")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("cannot build the peers: %w", err)
	}
	var rows []row
	for _, p := range peers {
		if only != "" && p.name != only {
			continue
		}
		version, err := p.version()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s is not installed: %v\n", p.name, err)
			continue
		}
		for _, mode := range p.modes {
			for _, end := range []conform.End{conform.Server, conform.Client} {
				began := time.Now()
				test := testServer
				if end == conform.Client {
					test = testClient
				}
				results, err := test(ctx, p, bin, mode, cases(end, long))
				if err != nil {
					return fmt.Errorf("%s as a %v: %w", p.name, end, err)
				}
				fmt.Fprintf(os.Stderr, "%-18s %-7v %+v in %v\n", p.name, end, conform.Summarize(results), time.Since(began).Round(time.Second/10))
				rows = append(rows, row{p.name, version, mode, end, results, notRun(cases(end, long), results)})
			}
		}
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	writeTable(f, rows)
	return f.Close()
}

func cases(end conform.End, long bool) (some []*conform.Case) {
	for _, c := range conform.Catalogue(end) {
		if long || !c.Long {
			some = append(some, c)
		}
	}
	return some
}

// notRun are the cases without a result.
func notRun(all []*conform.Case, results []conform.Result) (ids []string) {
	ran := map[*conform.Case]bool{}
	for _, r := range results {
		ran[r.Case] = true
	}
	for _, c := range all {
		if !ran[c] {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
