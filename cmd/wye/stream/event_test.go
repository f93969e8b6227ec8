package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func parsed(p *Parser, chunks ...string) (events []Event) {
	for _, c := range chunks {
		p.Parse([]byte(c), func(e Event) { events = append(events, e) })
	}
	return events
}

// The examples and rules of the HTML standard, §9.2.6.
func TestParse(t *testing.T) {
	for _, tt := range []struct {
		why, text string
		want      []Event
	}{
		{"two lines", "data: YHOO\ndata: +2\ndata: 10\n\n", []Event{{Data: "YHOO\n+2\n10"}}},
		{"comments, IDs, and one that is reset", ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
			[]Event{{ID: "1", Data: "first event"}, {Data: "second event"}, {Data: " third event"}}},
		{"empty data", "data\n\ndata\ndata\n\ndata:", []Event{{}, {Data: "\n"}}},
		{"with a space or without", "data:test\n\ndata: test\n\n", []Event{{Data: "test"}, {Data: "test"}}},
		{"names", "event: x\ndata: 1\n\nevent: y\n\ndata: 2\n\n", []Event{{Name: "x", Data: "1"}, {Data: "2"}}},
		{"an ID stays", "id: a\n\ndata: 1\n\ndata: 2\n\n", []Event{{ID: "a", Data: "1"}, {ID: "a", Data: "2"}}},
		{"an ID with NUL is none", "id: a\nid: b\x00\ndata: 1\n\n", []Event{{ID: "a", Data: "1"}}},
		{"line ends", "data: 1\r\rdata: 2\r\n\r\ndata: 3\n\r\ndata: 4\n\n", []Event{{Data: "1"}, {Data: "2"}, {Data: "3"}, {Data: "4"}}},
		{"a byte order mark", "\ufeffdata: 1\n\n\ufeffdata: 2\n\n", []Event{{Data: "1"}}},
		{"fields that there are not", "datas: 1\n data: 2\nDATA: 3\n\n", nil},
		{"no end", "data: 1\n", nil},
	} {
		if got := parsed(new(Parser), tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
	var p Parser
	parsed(&p, "retry: 1500\nretry: x\nretry: -1\n")
	if p.Retry != 1500*time.Millisecond {
		t.Errorf("retry is %v", p.Retry)
	}
}

func TestEventsThatAreTooLong(t *testing.T) {
	var p Parser
	line := "data: " + strings.Repeat("x", 1<<20) + "\n"
	var events []Event
	long := false
	take := func(e Event) { events = append(events, e) }
	for range maxEvent>>20 + 3 {
		long = p.Parse([]byte(line), take) || long
		if size := len(p.line) + len(p.data); size > maxEvent+(1<<20) {
			t.Fatalf("%d bytes are kept", size)
		}
	}
	long = p.Parse([]byte("\ndata: next\n\n"), take) || long
	if !long || len(events) != 1 || events[0].Data != "next" {
		t.Errorf("too long: %v, then %d events", long, len(events))
	}
}

// However a stream is cut, it has the same events; and what a server writes of them is
// read as it was.
func FuzzParse(f *testing.F) {
	f.Add("data: 1\n\nid: 2\r\ndata: 3\r\r", uint8(3), "two\nlines")
	f.Add("\ufeffevent: x\ndata\n\n", uint8(1), "")
	f.Fuzz(func(t *testing.T, text string, cut uint8, data string) {
		whole := parsed(new(Parser), text)
		var chunks []string
		n := int(cut%7) + 1
		for rest := text; rest != ""; {
			k := min(n, len(rest))
			chunks, rest = append(chunks, rest[:k]), rest[k:]
		}
		if got := parsed(new(Parser), chunks...); !slices.Equal(got, whole) {
			t.Errorf("%q, in pieces of %d: %q, in one %q", text, n, got, whole)
		}
		if strings.ContainsAny(data, "\r") {
			return
		}
		var written strings.Builder
		for line := range strings.SplitSeq(data, "\n") {
			fmt.Fprintf(&written, "data: %s\n", line)
		}
		if got := parsed(new(Parser), written.String()+"\n"); len(got) != 1 || got[0].Data != data {
			t.Errorf("%q came back as %q", data, got)
		}
	})
}
