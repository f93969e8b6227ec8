package connect

import (
	"errors"
	"strings"
	"testing"

	"github.com/wye-org/wye/websocket"
)

func TestParseLine(t *testing.T) {
	text := func(s string) request { return request{typ: websocket.MessageText, payload: []byte(s)} }
	binary := func(s string) request { return request{typ: websocket.MessageBinary, payload: []byte(s)} }
	for _, x := range []struct {
		line string
		e    Encoding
		want request
	}{
		{"hello", Text, text("hello")},
		{" /ping", Text, text(" /ping")},
		{"//ping", Text, text("/ping")},
		{"/text /ping", Hex, text("/ping")},
		{"00ff", Hex, binary("\x00\xff")},
		{`/binary \x00 a`, Text, binary("\x00 a")},
		{"/ping", Text, request{op: opPing}},
		{"/close", Text, request{op: opClose, code: 1000}},
		{"/close 4001", Text, request{op: opClose, code: 4001}},
		{"/close 1000 good bye ", Text, request{op: opClose, code: 1000, reason: "good bye"}},
	} {
		got, err := parseLine(x.line, x.e)
		if err != nil || got.op != x.want.op || got.typ != x.want.typ || string(got.payload) != string(x.want.payload) ||
			got.code != x.want.code || got.reason != x.want.reason {
			t.Errorf("%s: got %+v, %v", x.line, got, err)
		}
	}
	for line, want := range map[string]string{
		"/bogus":       `"/bogus" is no command: /help`,
		"/":            "no command",
		"/ping me":     "nothing behind it",
		"/close now":   `"now" is no close code`,
		"/close 999":   "from 1000 to 4999",
		"/close 5000":  "from 1000 to 4999",
		"/close 65536": "from 1000 to 4999",
		`/binary \q`:   "no escape",
		"/text \xff":   "the line is not UTF-8",
	} {
		if got, err := parseLine(line, Text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v", line, got, err)
		}
	}
	if _, err := parseLine("/help", Text); !errors.Is(err, errHelp) {
		t.Error(err)
	}
}

// Every command of the help is one.
func TestCommandHelp(t *testing.T) {
	for line := range strings.Lines(commandHelp) {
		command, found := strings.CutPrefix(line, "  /")
		if !found {
			continue
		}
		name := strings.Fields(command)[0]
		if _, err := parseLine("/"+name, Text); err != nil && !errors.Is(err, errHelp) {
			t.Errorf("/%s: %v", name, err)
		}
	}
}

// Whatever is typed is a request or an error, and a line without a slash is a
// message as it is.
func FuzzParseLine(f *testing.F) {
	for _, s := range []string{"hello", "/ping", "/close 1000 bye", `/binary \x00`, "//", "/text"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := parseLine(line, Text)
		switch {
		case err != nil:
			if got.op == opSend && got.payload != nil && !strings.HasPrefix(line, "/") {
				t.Fatalf("%q: %+v, and %v", line, got, err)
			}
		case !strings.HasPrefix(line, "/"):
			if got.op != opSend || string(got.payload) != line {
				t.Fatalf("%q became %+v", line, got)
			}
		case got.op == opClose && (got.code < 1000 || got.code > 4999):
			t.Fatalf("%q closes with %d", line, got.code)
		}
	})
}
