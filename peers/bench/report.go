package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// write writes the report to path, and the charts into a folder beside it.
func (r *results) write(path string) error {
	charts := strings.TrimSuffix(path, ".md")
	if err := os.MkdirAll(charts, 0o755); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `# What it costs

CPU time of the server, user and kernel, for each unit of work; the server has one
core for itself (GOMAXPROCS=1), the load comes from another. Written by

    cd peers && go run ./bench -rounds %d -time %s

on %s, %s. Absolute times
differ from machine to machine and from hour to hour; what stays is the ratio between
servers that were measured in the same round, of which the median is shown. A number in brackets is void: the quartiles of its
rounds are more than %.0f %% of the median apart, or there were fewer than %d rounds.
Smaller is better everywhere.

`, r.rounds, r.length, machine(), runtime.Version(), void*100, enough)

	base := r.contenders[0]
	fmt.Fprintf(&b, "## As a ratio to %s\n\n| |", base.name)
	for _, w := range r.workloads {
		fmt.Fprintf(&b, " %s |", w.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(r.workloads)) + "\n")
	for _, c := range r.contenders {
		name := c.name
		if c.ours {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&b, "| %s |", name)
		for _, w := range r.workloads {
			if c.name == base.name {
				fmt.Fprintf(&b, " %s |", w.amount(r.absolute(w, c).median))
				continue
			}
			cell := r.ratio(w, c, base).cell()
			if w.name == "idle" {
				cell = w.amount(r.absolute(w, c).median)
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nThe row of %s is in microseconds for each unit; the column idle is in bytes of\nresident memory for each connection, of every server.\n", base.name)

	r.writeOurs(&b)
	r.writeLatency(&b)

	b.WriteString("\n## What was done\n\n| workload | what it is | unit |\n|---|---|---|\n")
	for _, w := range r.workloads {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", w.name, w.about, w.unit)
	}
	b.WriteString("\n| server | what it is |\n|---|---|\n")
	for _, c := range r.contenders {
		fmt.Fprintf(&b, "| %s | %s%s |\n", c.name, c.about, version(c))
	}
	r.writeNotes(&b)

	b.WriteString("\n## Charts\n\n")
	for _, w := range r.workloads {
		if w.name == "latency" {
			continue
		}
		file := filepath.Join(charts, w.name+".svg")
		if err := r.chart(w, file); err != nil {
			return err
		}
		fmt.Fprintf(&b, "![%s](%s/%s.svg)\n", w.about, filepath.Base(charts), w.name)
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// writeOurs compares ours with the best of the Go libraries of others.
func (r *results) writeOurs(b *bytes.Buffer) {
	b.WriteString("\n## As a ratio to the best Go library in the same run\n\n| workload | best |")
	for _, c := range r.contenders {
		if c.ours {
			fmt.Fprintf(b, " %s |", c.name)
		}
	}
	b.WriteString("\n|---|---|")
	for _, c := range r.contenders {
		if c.ours {
			b.WriteString("---|")
		}
	}
	b.WriteString("\n")
	for _, w := range r.workloads {
		_, best := r.toBest(w, r.contenders[0])
		fmt.Fprintf(b, "| %s | %s |", w.about, best)
		for _, c := range r.contenders {
			if c.ours {
				f, _ := r.toBest(w, c)
				fmt.Fprintf(b, " %s |", f.cell())
			}
		}
		b.WriteString("\n")
	}
}

func (r *results) writeLatency(b *bytes.Buffer) {
	for _, w := range r.workloads {
		if w.name != "latency" {
			continue
		}
		fmt.Fprintf(b, "\n## Latency\n\n%s: from when a message was due to its answer, medians of the rounds.\n\n| | p50 | p99 | p99.9 |\n|---|---|---|---|\n", w.about)
		for _, c := range r.contenders {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.name,
				w.amount(float64(r.latency(w, c, 50))), w.amount(float64(r.latency(w, c, 99))), w.amount(float64(r.latency(w, c, 99.9))))
		}
	}
}

// writeNotes says what failed, and where the load was what limited.
func (r *results) writeNotes(b *bytes.Buffer) {
	var notes []string
	for _, w := range r.workloads {
		for _, c := range r.contenders {
			if err := r.failures[[2]string{w.name, c.name}]; err != nil {
				notes = append(notes, fmt.Sprintf("%s, %s: %v", w.name, c.name, err))
			}
			if busy := r.busy(w, c); busy > 0.95 && w.name != "latency" {
				notes = append(notes, fmt.Sprintf("%s, %s: the load kept its core busy for %.0f %% of the time, so the throughput is its own limit; the server's CPU time is not", w.name, c.name, busy*100))
			}
		}
	}
	if len(notes) > 0 {
		fmt.Fprintf(b, "\nNoticed in the run:\n\n- %s\n", strings.Join(notes, "\n- "))
	}
}

func machine() string {
	return fmt.Sprintf("a virtual machine with %d cores (%s/%s)", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

// version of what a server is made with, if it can be told.
func version(c contender) string {
	switch {
	case c.golang:
		module, _, _ := strings.Cut(c.about, ",")
		if out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output(); err == nil {
			return " " + strings.TrimSpace(string(out))
		}
	case c.name == "bun":
		if out, err := exec.Command(bunBinary, "--version").Output(); err == nil {
			return " " + strings.TrimSpace(string(out))
		}
	case c.name == "node-ws":
		if out, err := exec.Command("node", "-p", "require('./node/node_modules/ws/package.json').version + ', Node ' + process.versions.node").Output(); err == nil {
			return " " + strings.TrimSpace(string(out))
		}
	}
	return ""
}
