package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A program is a peer in another language.
type program struct {
	name    string
	from    string // where it comes from
	version func() (string, error)
	client  []string // a command to which the base URL is added
	server  []string // a command that prints a serverLine as the first of its output; nil: none
}

// python is the system's own: distributions put its packages nowhere else.
const python = "/usr/bin/python3"

var programs = []program{
	{
		name:    "Node ws",
		from:    "npm ci in the folder node",
		version: output("node", "-p", "require('./node/node_modules/ws/package.json').version + ', Node ' + process.versions.node"),
		client:  []string{"node", "node/interop_client.js", "ws"},
		server:  []string{"node", "node/interop_server.js"},
	},
	{
		name:    "Python websockets",
		from:    "the package python3-websockets",
		version: output(python, "-c", "import websockets.version as v, sys; print(v.version + ', Python ' + sys.version.split()[0])"),
		client:  []string{python, "python/interop_client.py", "websockets"},
		server:  []string{python, "python/interop_server.py", "websockets"},
	},
	{
		name:    "Python aiohttp",
		from:    "the package python3-aiohttp",
		version: output(python, "-c", "import aiohttp, sys; print(aiohttp.__version__ + ', Python ' + sys.version.split()[0])"),
		client:  []string{python, "python/interop_client.py", "aiohttp"},
		server:  []string{python, "python/interop_server.py", "aiohttp"},
	},
	{
		name:    "Node's own",
		from:    "Node 20.10 or later",
		version: output("node", "--experimental-websocket", "-p", "WebSocket && 'undici ' + process.versions.undici + ', Node ' + process.versions.node"),
		client:  []string{"node", "--experimental-websocket", "--no-warnings", "node/interop_client.js", "own"},
	},
}

// output returns what a command prints, on either output, or why it fails.
func output(name string, args ...string) func() (string, error) {
	return func() (string, error) {
		out, err := exec.Command(name, args...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
}

// clientLine is what a client prints for each case.
type clientLine struct {
	Case   string `json:"case"`
	Error  string `json:"error"`
	Cannot bool   `json:"cannot"`
}

// runClient runs a client's cases, and returns what it reports by their names.
func runClient(ctx context.Context, p program, base string) (map[string]error, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.client[0], append(slices.Clone(p.client[1:]), base)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	reports := map[string]error{}
	for line := range strings.Lines(string(out)) {
		var l clientLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return nil, fmt.Errorf("the client printed %q", line)
		}
		switch {
		case l.Cannot:
			reports[l.Case] = errCannot
		case l.Error != "":
			reports[l.Case] = errors.New(l.Error)
		default:
			reports[l.Case] = nil
		}
	}
	return reports, err
}

// serverLine is what a server prints: first its address, then how each
// connection was closed.
type serverLine struct {
	Listening string `json:"listening"`
	ID        string `json:"id"`
	Code      int    `json:"code"`
	Reason    string `json:"reason"`
}

// processServer is a server in a process of its own.
type processServer struct {
	cmd  *exec.Cmd
	addr string
	ends *ends
	read chan struct{} // closed when its output has ended
}

func startProcess(p program) (*processServer, error) {
	s := &processServer{cmd: exec.Command(p.server[0], p.server[1:]...), ends: newEnds(), read: make(chan struct{})}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go s.lines(out, listening) // ends with the process
	select {
	case s.addr = <-listening:
	case <-time.After(patience):
	}
	if s.addr == "" {
		s.stop()
		return nil, errors.New("the server does not listen")
	}
	return s, nil
}

func (s *processServer) lines(out io.Reader, listening chan<- string) {
	defer close(s.read)
	defer close(listening)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var l serverLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			fmt.Fprintf(os.Stderr, "a server printed %q\n", lines.Text())
			continue
		}
		if l.Listening != "" {
			listening <- l.Listening
			continue
		}
		s.ends.put(l.ID, closeFrame{l.Code, l.Reason})
	}
}

func (s *processServer) address() string           { return s.addr }
func (s *processServer) seen(id string) closeFrame { return s.ends.wait(id) }

func (s *processServer) stop() {
	_ = s.cmd.Process.Kill()
	<-s.read
	_ = s.cmd.Wait() // it was killed: its exit code says nothing
}
