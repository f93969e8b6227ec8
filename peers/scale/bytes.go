package main

import (
	"os/exec"
	"regexp"

	"github.com/wye-org/wye/peers/internal/report"
)

// writeBytes has the test say what it names: every byte of an idle connection.
func writeBytes(p *report.Page) {
	out, err := exec.Command("go", "test", "-C", "..", "-count=1", "-v", "-run", "^TestLoopConnSize$", "./websocket").Output()
	t := named(string(out))
	if err != nil || t == nil {
		return // that the test passes is not for this program to see to
	}
	p.Printf(`## Every byte

An idle connection on a Loop, as the test TestLoopConnSize of package websocket names it,
in Go's memory:

`)
	p.Table(t)
	p.Printf(`To that come a member of its server's group, two entries in tables of pointers, and
what Go's allocator rounds up.
`)
}

// line is a line of the test's, with a number of bytes and what they are.
var line = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+:\s+(\d+) (.+)$`)

// named is a table of the lines in the test's output, nil if there are none.
func named(out string) *report.Table {
	rows := line.FindAllStringSubmatch(out, -1)
	if len(rows) == 0 {
		return nil
	}
	t := report.NewTable("bytes", "of what")
	for _, row := range rows {
		t.Row(row[1], row[2])
	}
	return t
}
