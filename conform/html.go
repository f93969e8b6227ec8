package conform

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"rfc":     rfcLink,
	"millis":  func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) },
	"took":    func(d time.Duration) string { return d.Round(time.Millisecond * 10).String() },
	"date":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	"arrow":   arrow,
	"percent": func(n, of int) string { return fmt.Sprintf("%.2f%%", 100*float64(n)/float64(max(of, 1))) },
	"title":   func(v Verdict) string { return verdictMeaning[v] },
}).Parse(reportHTML))

var verdictMeaning = map[Verdict]string{
	Pass:          "does what the RFC asks",
	Nonstrict:     "breaks no MUST, yet a SHOULD, or wastes its peers' time",
	Informational: "the RFC leaves the choice free",
	Unimplemented: "declined the optional feature",
	Fail:          "breaks a MUST",
}

// WriteHTML writes the report as one page that fetches nothing: it can be
// mailed, kept and opened years later.
func (r *Report) WriteHTML(w io.Writer) error {
	verdicts := []Verdict{Fail, Nonstrict, Unimplemented, Informational, Pass}
	s := r.Summary()
	counts := map[Verdict]int{Pass: s.Pass, Nonstrict: s.Nonstrict, Informational: s.Informational, Unimplemented: s.Unimplemented, Fail: s.Fail}
	return reportTemplate.Execute(w, map[string]any{
		"Report": r, "Summary": s, "Groups": r.groups(), "Verdicts": verdicts, "Counts": counts,
	})
}

// rfcLink is where "RFC 6455 §5.5.2" can be read.
func rfcLink(section string) string {
	rfc, part, _ := strings.Cut(section, " §")
	return "https://www.rfc-editor.org/rfc/" + strings.ToLower(strings.ReplaceAll(rfc, " ", "")) + "#section-" + part
}

func arrow(from string) string {
	switch from {
	case "suite":
		return "→"
	case "endpoint":
		return "←"
	}
	return "·"
}
