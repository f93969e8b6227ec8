package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/wye-org/wye/conform"
)

// A row is one library at one end.
type row struct {
	name, version, mode string
	end                 conform.End
	results             []conform.Result
	notRun              []string // ids
}

const intro = `# The suite against other libraries

Written by ` + "`go run ./conformance`" + ` in the folder peers; do not edit. Every peer echoes messages with
the code that its own documentation shows, with permessage-deflate on. The long performance cases are left out.
What the verdicts and the ids mean is in the documentation of package conform; ` + "`wye conform --list`" + ` names
every case. *fail* breaks a MUST, *nonstrict* a SHOULD or wastes its peers' time, *informational* is a free choice,
*unimplemented* declines compression, or a form of it.

`

func writeTable(w io.Writer, rows []row) {
	fmt.Fprint(w, intro)
	fmt.Fprintln(w, "| library | version | as a | deflate | pass | nonstrict | informational | unimplemented | fail |")
	fmt.Fprintln(w, "|---|---|---|---|---:|---:|---:|---:|---:|")
	for _, r := range rows {
		s := conform.Summarize(r.results)
		fmt.Fprintf(w, "| %s | %s | %v | %s | %d | %d | %d | %d | %d |\n", r.name, r.version, r.end, r.mode, s.Pass, s.Nonstrict, s.Informational, s.Unimplemented, s.Fail)
	}
	for _, r := range rows {
		fmt.Fprintf(w, "\n## %s %s as a %v\n\n", r.name, r.version, r.end)
		if len(r.notRun) > 0 {
			fmt.Fprintf(w, "Its program broke off: %s did not run.\n\n", shorten(r.notRun))
		}
		any := false
		for _, v := range []conform.Verdict{conform.Fail, conform.Nonstrict} {
			for _, f := range findings(r.results, v) {
				fmt.Fprintf(w, "- *%v* %s: %s (%s)\n", v, f.ids, f.reason, f.section)
				any = true
			}
		}
		if !any {
			fmt.Fprintln(w, "Nothing fails, nothing is nonstrict.")
		}
	}
}

// A finding is a reason and the cases that it was given in.
type finding struct {
	reason, section, ids string
	list                 []string
}

// details are what differs between cases with one cause.
var details = regexp.MustCompile(`"[^"]*"|<[^>]*>|\b\d+\b`)

// ended is one event to a reader, however TCP put it that time.
var ended = regexp.MustCompile(`TCP (closed|broken: [^;(]*[^;( ])`)

// findings gathers the cases of a verdict by their reason, in order.
func findings(results []conform.Result, v conform.Verdict) (all []*finding) {
	byReason := map[string]*finding{}
	for _, r := range results {
		if r.Verdict != v {
			continue
		}
		r.Reason = ended.ReplaceAllString(r.Reason, "the end of TCP")
		key := details.ReplaceAllString(r.Reason, "#") + r.Case.Section
		f := byReason[key]
		if f == nil {
			f = &finding{reason: oneLine(r.Reason), section: r.Case.Section}
			byReason[key] = f
			all = append(all, f)
		}
		f.list = append(f.list, r.Case.ID)
	}
	for _, f := range all {
		f.ids = shorten(f.list)
	}
	return all
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 220
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(s)
}

// shorten writes 6.4.1, 6.4.2 and 6.4.3 as 6.4.1–3.
func shorten(ids []string) string {
	var parts []string
	for i := 0; i < len(ids); {
		prefix, last := cut(ids[i])
		j := i + 1
		for j < len(ids) {
			p, n := cut(ids[j])
			if p != prefix || n != last+j-i {
				break
			}
			j++
		}
		switch j - i {
		case 1:
			parts = append(parts, ids[i])
		default:
			parts = append(parts, fmt.Sprintf("%s–%d", ids[i], last+j-i-1))
		}
		i = j
	}
	return strings.Join(parts, ", ")
}

func cut(id string) (prefix string, last int) {
	i := strings.LastIndexByte(id, '.')
	fmt.Sscan(id[i+1:], &last)
	return id[:i], last
}
