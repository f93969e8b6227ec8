package main

import (
	"fmt"
	"io"
	"strings"
)

type row struct {
	pairing
	verdicts []verdict
}

func writeIntroduction(w io.Writer) {
	fmt.Fprintf(w, `# Interop

Written by %[1]sgo run ./interop%[1]s in the folder peers; do not edit. Each cell is a connection of its own, and
"sent" and "received" are the client's. *yes*: it worked. *—*: the peer's library has no interface for it. *FAIL*: it
did not work; below the table is why. *peer's fault*: it cannot work, for the peer breaks a rule, which is named
below the table. A number: it worked, compressed in the way that the peer could agree on, which is below the table.

- **1 MiB** is one binary message there and back.
- **fragments**: the first frame on the wire had no FIN, and the message was whole.
- **close**: code %[2]d and a reason, seen by the other end; the codes of the two directions differ.
- **subprotocol**: the second of the client's two, which is the server's only one.
- **deflate**: forty texts of 1 KiB, one of 20 KiB and a binary of 1 MiB came back the same. The first frame had RSV1
  each way, and a tenth of the bytes at least was saved; with *takeover*, what a text repeated was not sent again. The
  answer had, or had not, both %[1]sno_context_takeover%[1]s parameters; with *9 bits* it had
  %[1]sserver_max_window_bits=9; client_max_window_bits=9%[1]s, and what was sent repeats at a distance that such a window
  does not reach.
`, "`", clientCode)
}

func writeTable(w io.Writer, title string, rows []row) {
	fmt.Fprintf(w, "\n## %s\n\n| peer | version |", title)
	for _, c := range cases {
		fmt.Fprintf(w, " %s |", c.title)
	}
	fmt.Fprintf(w, "\n|---|---|%s\n", strings.Repeat("---|", len(cases)))
	var notes []string
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s |", r.peer, r.version)
		for i, v := range r.verdicts {
			cell := "yes"
			switch v.kind {
			case unable:
				cell = "—"
			case known:
				cell = "peer's fault"
				notes = append(notes, fmt.Sprintf("- %s, %s: %s", r.peer, cases[i].title, v.note))
			case fail:
				cell = "FAIL"
				notes = append(notes, fmt.Sprintf("- FAIL: %s, %s: %s", r.peer, cases[i].title, v.note))
			case otherwise:
				var n int
				n, notes = numbered(notes, v.note)
				cell = fmt.Sprintf("%d", n)
			}
			fmt.Fprintf(w, " %s |", cell)
		}
		fmt.Fprintln(w)
	}
	if len(notes) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.Join(notes, "\n"))
	}
}

// numbered returns the number of a note, which it adds if it is new.
func numbered(notes []string, note string) (int, []string) {
	number := 1
	for _, n := range notes {
		if n == numberedNote(number, note) {
			return number, notes
		}
		if strings.HasPrefix(n, fmt.Sprintf("- %d: ", number)) {
			number++
		}
	}
	return number, append(notes, numberedNote(number, note))
}

func numberedNote(number int, note string) string {
	extension, rest, _ := strings.Cut(note, ", ")
	if strings.HasPrefix(extension, "permessage-deflate") {
		note = "`" + extension + "`"
		if rest != "" {
			note += ", " + rest
		}
	}
	return fmt.Sprintf("- %d: %s", number, note)
}
