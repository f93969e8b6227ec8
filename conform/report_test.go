package conform

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"
)

// sampleReport has a result of every verdict, with text that needs escaping.
func sampleReport() *Report {
	r := &Report{Target: "ws://a.test/<echo>", End: Server, Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: 1500 * time.Millisecond}
	for i, v := range []Verdict{Pass, Nonstrict, Informational, Unimplemented, Fail} {
		c := &Case{ID: []string{"1.1.1", "6.4.1", "7.13.1", "12.1.1", "28.1.1"}[i], Section: "RFC 6455 §5.2", Title: "a <b> & c", Why: "because"}
		res := Result{Case: c, Verdict: v, Expected: "text \"x\"", Got: "nothing", Wire: []LogLine{{From: "suite", What: "text <script>", Hex: "81 00"}}}
		if v != Pass {
			res.Reason = "a \x01 <reason>"
		}
		r.Results = append(r.Results, res)
	}
	return r
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	want := map[int]string{
		0: `{"id":"1.1.1","section":"RFC 6455 §5.2","verdict":"pass","expected":"text \"x\"","got":"nothing"}`,
		4: `{"id":"28.1.1","section":"RFC 6455 §5.2","verdict":"fail","expected":"text \"x\"","got":"nothing (a \u0001 <reason>)"}`,
		5: `{"summary":{"cases":5,"pass":1,"nonstrict":1,"informational":1,"unimplemented":1,"fail":1}}`,
	}
	if len(lines) != 6 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, w := range want {
		if lines[i] != w {
			t.Errorf("line %d is\n%s, want\n%s", i, lines[i], w)
		}
	}
}

func TestWriteJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, &b)
	}
	if got.Tests != 5 || got.Failures != 1 || got.Skipped != 1 || len(got.Suites) != 5 || got.Time != "1.500" {
		t.Errorf("%+v", got)
	}
	failed := got.Suites[4].Cases[0]
	if failed.Failure == nil || failed.Failure.Message != "a . <reason>" || failed.Name != "28.1.1 a <b> & c" {
		t.Errorf("the failing case is %+v", failed)
	}
}

// The page shows every case, runs nothing and fetches nothing, whatever the
// endpoint said.
func TestWriteHTML(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		`id="case-28.1.1" open`, `ws://a.test/&lt;echo&gt;`, `text &lt;script&gt;`, `https://www.rfc-editor.org/rfc/rfc6455#section-5.2`,
		"prefers-color-scheme: dark", `name="viewport"`, "1 Framing", "28 Hostile sizes",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, bad := range []string{"<script", "<link", "<img", " src=", "@import", "url(", "<b> &", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
}

func TestSelect(t *testing.T) {
	all := Catalogue(Server)
	for _, c := range []struct {
		only, except []string
		first, last  string
		n            int
	}{
		{[]string{"7.9"}, nil, "7.9.1", "7.9.10", 10},
		{[]string{"7.*.1"}, nil, "7.1.1", "7.13.1", 6},
		{[]string{"2"}, []string{"2.1?"}, "2.1", "2.9", 9},
		{[]string{"1.1.1", "28.3.1"}, nil, "1.1.1", "28.3.1", 2},
	} {
		got, err := Select(all, c.only, c.except)
		if err != nil || len(got) != c.n || got[0].ID != c.first || got[len(got)-1].ID != c.last {
			t.Errorf("Select(%q, %q) = %d cases, %v", c.only, c.except, len(got), err)
		}
	}
	for _, p := range []string{"99", "[", "1.1.1.1", ""} {
		if _, err := Select(all, []string{p}, nil); err == nil {
			t.Errorf("the pattern %q is taken", p)
		}
	}
}

// What every case has to say for itself.
func TestTheCatalogueIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range wholeCatalogue() {
		switch {
		case seen[c.ID]:
			t.Errorf("%s stands twice", c.ID)
		case c.Title == "" || c.Why == "" || !strings.HasPrefix(c.Section, "RFC ") || !strings.Contains(c.Section, " §"):
			t.Errorf("%s lacks a title, a reason or a section: %+v", c.ID, c)
		case GroupTitle(c.Group()) == "":
			t.Errorf("%s has no group", c.ID)
		}
		seen[c.ID] = true
		for _, end := range []End{Server, Client} {
			if c.ends()&end != 0 && c.expected(end) == "" {
				t.Errorf("%s expects nothing of a %v", c.ID, end)
			}
		}
	}
	if len(seen) < 600 {
		t.Errorf("%d cases", len(seen))
	}
}

func TestAcceptFor(t *testing.T) {
	// RFC 6455 §1.3
	if got := acceptFor("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}

// The answers of RFC 7692 §7.1 that do and do not fit their offers.
func TestJudgeAnswer(t *testing.T) {
	const d = deflateName
	for _, c := range []struct {
		offer, answer string
		ok            bool
	}{
		{d, d, true},
		{d, d + "; server_no_context_takeover", true},
		{d, d + "; server_max_window_bits=10", true},
		{d, d + "; client_max_window_bits=10", false},
		{d + "; client_max_window_bits", d + "; client_max_window_bits=10", true},
		{d + "; client_max_window_bits=9", d + "; client_max_window_bits=10", false},
		{d + "; server_max_window_bits=9", d, false},
		{d + "; server_max_window_bits=9", d + "; server_max_window_bits=10", false},
		{d + "; server_no_context_takeover", d, false},
		{d + "; server_max_window_bits=99, " + d, d, true},
		{d + "; server_max_window_bits=99", d, false},
		{"x", d, false},
		{d, d + ", " + d, false},
		{d, d + `; server_max_window_bits="10"`, true},
	} {
		if _, err := judgeAnswer([]string{c.offer}, []string{c.answer}); (err == nil) != c.ok {
			t.Errorf("offer %q, answer %q: %v", c.offer, c.answer, err)
		}
	}
}

// Whatever a peer writes into its extension list, reading it ends, and what is
// read means the same when it is written again.
func FuzzExtensions(f *testing.F) {
	f.Add(`permessage-deflate; client_max_window_bits; server_max_window_bits="10", x;a=b`)
	f.Add(`a;b="`)
	f.Fuzz(func(t *testing.T, line string) {
		exts, err := parseExtensions([]string{line})
		if err != nil {
			return
		}
		var again []string
		for _, e := range exts {
			again = append(again, e.String())
		}
		second, err := parseExtensions([]string{strings.Join(again, ", ")})
		if err != nil || len(second) != len(exts) {
			t.Fatalf("%q was read as %v and again as %v, %v", line, exts, second, err)
		}
		for i := range exts {
			if exts[i].String() != second[i].String() {
				t.Errorf("%v became %v", exts[i], second[i])
			}
		}
	})
}
