package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Page is a document with its charts, which are in a folder beside it.
type Page struct {
	Text   strings.Builder
	folder string
	charts map[string][]byte
}

// NewPage begins the page that is to be written to path, which ends in .md.
func NewPage(path string) *Page {
	return &Page{folder: strings.TrimSuffix(filepath.Base(path), ".md"), charts: make(map[string][]byte)}
}

// Printf adds text.
func (p *Page) Printf(format string, args ...any) { fmt.Fprintf(&p.Text, format, args...) }

// Table adds a table.
func (p *Page) Table(t *Table) { p.Text.WriteString(t.String() + "\n") }

// List adds a list, if it has anything.
func (p *Page) List(items []string) {
	for _, item := range items {
		p.Printf("- %s\n", item)
	}
	if len(items) > 0 {
		p.Printf("\n")
	}
}

// Chart adds a chart, called name in its folder. about is read to who cannot see
// it.
func (p *Page) Chart(name, about string, svg []byte) {
	p.charts[name+".svg"] = svg
	p.Printf("![%s](%s/%s.svg)\n", about, p.folder, name)
}

// Write writes the page to path and its charts beside it, and removes charts of
// before.
func (p *Page) Write(path string) error {
	folder := strings.TrimSuffix(path, ".md")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(folder, "*.svg"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if p.charts[filepath.Base(file)] == nil {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	for name, svg := range p.charts {
		if err := os.WriteFile(filepath.Join(folder, name), svg, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(strings.TrimRight(p.Text.String(), "\n")+"\n"), 0o644)
}
