package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/wye-org/wye/conform"
)

// progress shows how a run goes: JSON for programs, lines for people, and on a
// terminal a count that moves. Its methods may be called by several goroutines.
type progress struct {
	json  bool
	total int
	std   stdio
	live  bool // err is a terminal

	mu    sync.Mutex
	count conform.Summary // what follows is protected by mu
	err   error           // the first failed write to out
}

func newProgress(json bool, total int, std stdio) *progress {
	return &progress{json: json, total: total, std: std, live: isTerminal(std.err)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// result shows one result.
func (p *progress) result(r conform.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Add(r.Verdict)
	if p.live {
		fmt.Fprint(p.std.err, "\r\x1b[K")
	}
	switch {
	case p.json:
		p.note(r.WriteJSON(p.std.out))
	case r.Verdict == conform.Fail || r.Verdict == conform.Nonstrict || r.Verdict == conform.Informational:
		_, err := fmt.Fprintf(p.std.out, "%-13s %-8s %s\n%22s %s (%s)\n", r.Verdict, r.Case.ID, r.Case.Title, "", r.Reason, r.Case.Section)
		p.note(err)
	}
	if p.live {
		fmt.Fprintf(p.std.err, "%d of %d  %d pass, %d fail  %s", p.count.Cases, p.total, p.count.Pass, p.count.Fail, r.Case.ID)
	}
}

func (p *progress) note(err error) {
	if p.err == nil {
		p.err = err
	}
}

// update writes the reports while more clients may come.
func (p *progress) update(r *conform.Report, agent, dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.std.err, "%s is done: %s\n", agent, countWords(r.Summary()))
	if err := writeReports(r, dir); err != nil {
		fmt.Fprintln(p.std.err, "wye:", err)
	}
}

// finish prints the counts, writes the reports and finds the exit code.
func (p *progress) finish(r *conform.Report, dir string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live {
		fmt.Fprint(p.std.err, "\r\x1b[K")
	}
	s := r.Summary()
	if p.json {
		p.note(s.WriteJSON(p.std.out))
	} else {
		_, err := fmt.Fprintln(p.std.out, countWords(s))
		p.note(err)
	}
	if err := writeReports(r, dir); err != nil {
		return &exitError{exitFail, err}
	}
	switch {
	case p.err != nil:
		return &exitError{exitFail, fmt.Errorf("cannot print results: %w", p.err)}
	case s.Cases == 0:
		return &exitError{exitNonconforming, errors.New("no case ran")}
	case s.Fail > 0:
		return &exitError{exitNonconforming, fmt.Errorf("%d of %d cases fail", s.Fail, s.Cases)}
	case r.Partial:
		return &exitError{exitFail, fmt.Errorf("ended after %d of %d cases", s.Cases, p.total)}
	}
	return nil
}

func countWords(s conform.Summary) string {
	return fmt.Sprintf("%d cases: %d pass, %d nonstrict, %d informational, %d unimplemented, %d fail",
		s.Cases, s.Pass, s.Nonstrict, s.Informational, s.Unimplemented, s.Fail)
}

// writeReports writes every kind of report into dir; "" writes none.
func writeReports(r *conform.Report, dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cannot write the reports: %w", err)
	}
	for name, write := range map[string]func(io.Writer) error{
		"report.html": r.WriteHTML, "report.jsonl": r.WriteJSON, "junit.xml": r.WriteJUnit,
	} {
		if err := writeFile(filepath.Join(dir, name), write); err != nil {
			return fmt.Errorf("cannot write the reports: %w", err)
		}
	}
	return nil
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	return errors.Join(write(b), b.Flush(), f.Close())
}
