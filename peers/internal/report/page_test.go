package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	table := NewTable("what", "a|b")
	table.Row("x", "1")
	table.Row("a | b\nc")
	table.Row("x", "1", "too many")
	const want = "| what | a\\|b |\n|---|---|\n| x | 1 |\n| a \\| b c |  |\n| x | 1 |\n"
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// texts are the character data of well-formed XML whose root is svg.
func texts(t *testing.T, svg []byte) string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	var all strings.Builder
	root := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if root == "" {
				root = token.Name.Local
			}
		case xml.CharData:
			all.Write(token)
			all.WriteByte('\n')
		}
	}
	if root != "svg" {
		t.Fatalf("the root is %q, want svg", root)
	}
	return all.String()
}

func TestBarsAreSVG(t *testing.T) {
	bars := []Bar{{"dear & <rare>", 1234.5, Peer}, {"cheap", 1, Ours}, {"limit", 2, Limit}}
	svg, err := Bars("a title with < and &", "µs", bars)
	if err != nil {
		t.Fatal(err)
	}
	all := texts(t, svg)
	for _, want := range []string{"a title with < and &", "µs", "dear & <rare>", "cheap", "limit", "1230", "1.00", "2.00"} {
		if !strings.Contains(all, want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	if bars[0].Value != 1234.5 {
		t.Errorf("the caller's bars were sorted: %v", bars)
	}
	// The cheapest is on top: it is drawn last, as the names go from below.
	if d, l, c := strings.Index(all, "dear"), strings.Index(all, "limit"), strings.Index(all, "cheap"); d > l || l > c {
		t.Errorf("the bars are not in order, the cheapest on top")
	}
	for name, color := range map[string]string{"ours": "#0B7A75", "a limit": "#9AA0A8", "a peer": "#E08E45"} {
		if !strings.Contains(strings.ToUpper(string(svg)), color) {
			t.Errorf("no bar has the colour of %s", name)
		}
	}
}

func TestCurvesAreSVG(t *testing.T) {
	svg, err := Curves("growth", "connections", "MB", []Curve{
		{"one", []float64{100, 1000}, []float64{1, 9}, Ours},
		{"two", []float64{100, 1000}, []float64{2, 4}, Ours},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := texts(t, svg)
	for _, want := range []string{"growth", "connections", "MB", "one", "two"} {
		if !strings.Contains(all, want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	if !strings.Contains(string(svg), "stroke-dasharray") {
		t.Error("curves of one colour look the same")
	}
}

// What is written is the page and its charts, and no chart of before.
func TestPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	for _, chart := range []string{"old", "new"} {
		p := NewPage(path)
		p.Printf("# %s\n\n", chart)
		table := NewTable("a")
		table.Row("b")
		p.Table(table)
		p.List([]string{"c", "d"})
		p.List(nil)
		p.Chart(chart, "about it", []byte("<svg/>"))
		if err := p.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if want := "# new\n\n| a |\n|---|\n| b |\n\n- c\n- d\n\n![about it](page/new.svg)\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if svg, err := os.ReadFile(strings.TrimSuffix(path, ".md") + "/new.svg"); err != nil || string(svg) != "<svg/>" {
		t.Errorf("the chart: %q, %v", svg, err)
	}
	if _, err := os.Stat(strings.TrimSuffix(path, ".md") + "/old.svg"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old chart: %v, want it gone", err)
	}
}
