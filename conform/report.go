package conform

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Report is a run with what a reader needs to know of it.
type Report struct {
	// Target is the URL of the server, or the name of the client, that was
	// tested. The caller takes credentials out.
	Target  string
	End     End
	Began   time.Time
	Took    time.Duration
	Results []Result
	// Partial says that the run was ended before its last case.
	Partial bool
}

// Summary counts the report's verdicts.
func (r *Report) Summary() Summary { return Summarize(r.Results) }

// line is a result as one line of JSON.
type line struct {
	ID       string  `json:"id"`
	Section  string  `json:"section"`
	Verdict  Verdict `json:"verdict"`
	Expected string  `json:"expected"`
	Got      string  `json:"got"`
}

// WriteJSON writes one result as a line:
//
//	{"id":…,"section":…,"verdict":…,"expected":…,"got":…}
func (r Result) WriteJSON(w io.Writer) error {
	return writeLine(w, line{r.Case.ID, r.Case.Section, r.Verdict, r.Expected, r.gotAndWhy()})
}

func (r Result) gotAndWhy() string {
	if r.Reason == "" {
		return r.Got
	}
	return r.Got + " (" + r.Reason + ")"
}

// WriteJSON writes the counts as the last line of a run:
//
//	{"summary":{"cases":…,"pass":…,"nonstrict":…,"informational":…,"unimplemented":…,"fail":…}}
func (s Summary) WriteJSON(w io.Writer) error {
	return writeLine(w, struct {
		Summary Summary `json:"summary"`
	}{s})
}

func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w) // ends the value with a line feed
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// WriteJSON writes all results and their summary, a line each.
func (r *Report) WriteJSON(w io.Writer) error {
	for _, res := range r.Results {
		if err := res.WriteJSON(w); err != nil {
			return err
		}
	}
	return r.Summary().WriteJSON(w)
}

// The elements of JUnit's XML that its readers agree on.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit XML: a suite for every group. A
// failing case is a failure and an unimplemented one is skipped; the others
// pass, and say in their output what kind of pass it is.
func (r *Report) WriteJUnit(w io.Writer) error {
	out := junitSuites{Name: "wye conform " + r.Target, Time: seconds(r.Took)}
	for _, g := range r.groups() {
		suite := junitSuite{Name: g.Title}
		for _, res := range g.Results {
			c := junitCase{Class: fmt.Sprintf("conform.%d", g.Number), Name: res.Case.ID + " " + res.Case.Title, Time: seconds(res.Took)}
			switch res.Verdict {
			case Fail:
				suite.Failures++
				c.Failure = &junitMessage{printableXML(res.Reason), printableXML(res.Case.Section + "\nexpected: " + res.Expected + "\ngot: " + res.Got + "\n")}
			case Unimplemented:
				suite.Skipped++
				c.Skipped = &junitMessage{Message: printableXML(res.Reason)}
			case Nonstrict, Informational:
				c.Out = printableXML(res.Verdict.String() + ": " + res.Reason)
			}
			suite.Tests++
			suite.Cases = append(suite.Cases, c)
		}
		out.Tests += suite.Tests
		out.Failures += suite.Failures
		out.Skipped += suite.Skipped
		out.Suites = append(out.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// printableXML drops what XML 1.0 cannot hold.
func printableXML(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return '.'
		}
		return r
	}, s)
}

// A reportGroup is a group's results in order.
type reportGroup struct {
	Number  int
	Title   string
	Results []Result
}

// Summary counts the group's verdicts.
func (g reportGroup) Summary() Summary { return Summarize(g.Results) }

func (r *Report) groups() (groups []reportGroup) {
	for _, res := range r.Results {
		n := res.Case.Group()
		if len(groups) == 0 || groups[len(groups)-1].Number != n {
			groups = append(groups, reportGroup{Number: n, Title: fmt.Sprintf("%d %s", n, GroupTitle(n))})
		}
		g := &groups[len(groups)-1]
		g.Results = append(g.Results, res)
	}
	return groups
}
