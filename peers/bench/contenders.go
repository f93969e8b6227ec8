package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

// A contender is a server with what starts it.
type contender struct {
	name    string
	about   string
	kind    report.Kind
	golang  bool // a Go library of others
	deflate []load.Deflate
	command func(p load.Programs, mode string) []string
	needs   string // a file without which it is left out
}

func goServer(impl string) func(p load.Programs, mode string) []string {
	return func(p load.Programs, mode string) []string { return p.Server(impl, "-deflate", mode) }
}

const bunBinary = "bun/node_modules/@oven/bun-linux-x64/bin/bun"

var (
	both = []load.Deflate{load.NoTakeover, load.Takeover}
	one  = []load.Deflate{load.NoTakeover}
)

// The limit and the stand-in for uWebSockets are what ratios are to.
const (
	limit   = "c-epoll"
	standIn = "bun"
)

var contenders = []contender{
	{name: limit, about: "an epoll loop in C without checks, raw/server.c: the limit", kind: report.Limit,
		command: func(p load.Programs, _ string) []string { return p.Raw() }},
	{name: "net-conn", about: "Go's net.Conn without a protocol", kind: report.Limit, command: goServer("net-conn")},
	{name: "wye-loop", about: "websocket.Loop, its own listener", kind: report.Ours, deflate: both, command: goServer("wye-loop")},
	{name: "wye-loop-http", about: "websocket.Loop, behind net/http", kind: report.Ours, deflate: both, command: goServer("wye-loop-http")},
	{name: "wye-conn", about: "websocket.Conn, a handler that blocks, detached from net/http", kind: report.Ours, deflate: both, command: goServer("wye-conn")},
	{name: "gws", about: "github.com/lxzan/gws", golang: true, deflate: both, command: goServer("gws")},
	{name: "gorilla", about: "github.com/gorilla/websocket", golang: true, deflate: one, command: goServer("gorilla")},
	{name: "coder", about: "github.com/coder/websocket", golang: true, deflate: both, command: goServer("coder")},
	{name: "gobwas", about: "github.com/gobwas/ws, with its helpers", golang: true, command: goServer("gobwas")},
	{name: "fasthttp", about: "github.com/fasthttp/websocket", golang: true, deflate: one, command: goServer("fasthttp")},
	{name: standIn, about: "bun, with uWebSockets inside (cd bun && npm ci)", deflate: both, needs: bunBinary,
		command: func(_ load.Programs, mode string) []string { return []string{bunBinary, "bun/server.js", "0", mode} }},
	{name: "node-ws", about: "ws on Node (cd node && npm ci)", deflate: both, needs: "node/node_modules/ws",
		command: func(_ load.Programs, mode string) []string { return []string{"node", "node/server.js", "0", mode} }},
}

// can says whether c has what w wants.
func (c contender) can(w workload) bool {
	return w.target.Deflate == load.Plain || slices.Contains(c.deflate, w.target.Deflate)
}

// here are those of who that can be started; why says what the others miss.
func here(who []contender) (some []contender, why []string) {
	for _, c := range who {
		if _, err := os.Stat(c.needs); c.needs != "" && err != nil {
			why = append(why, fmt.Sprintf("%s: there is no peers/%s", c.name, c.needs))
			continue
		}
		some = append(some, c)
	}
	return some, why
}

// version of what a server is made with, if it can be told.
func (c contender) version() string {
	var command []string
	switch {
	case c.golang:
		module, _, _ := strings.Cut(c.about, ",")
		command = []string{"go", "list", "-m", "-f", "{{.Version}}", module}
	case c.name == standIn:
		command = []string{bunBinary, "--version"}
	case c.name == "node-ws":
		command = []string{"node", "-p", "require('./node/node_modules/ws/package.json').version + ', Node ' + process.versions.node"}
	default:
		return ""
	}
	out, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
