package target

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseField(t *testing.T) {
	for line, want := range map[string]Field{
		"Name: value":       {"Name", "value"},
		"name:value":        {"name", "value"},
		"X:":                {"X", ""},
		"X: \t a: b \t":     {"X", "a: b"},
		"X: ä":              {"X", "ä"},
		"!#$%&'*+-.^_`|~: ": {"!#$%&'*+-.^_`|~", ""},
	} {
		if got, err := ParseField(line); err != nil || got != want {
			t.Errorf("%q: got %q, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{
		"canary":            "no colon",
		": canary":          "no name",
		"a b: canary":       "' '",
		"ä: canary":         "names do not have",
		"X: canary\r\nY: 1": "control character",
		"X: canary\x00":     "control character",
	} {
		_, err := ParseField(line)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v, want %q and not the value", line, err, want)
		}
	}
}

func TestParseFields(t *testing.T) {
	got, err := ParseFields(strings.NewReader("# no\r\nA: 1\r\n\n  \t\nB: 2"))
	if err != nil || fmt.Sprint(got) != "[A: 1 B: 2]" {
		t.Errorf("%v, %v", got, err)
	}
	for text, want := range map[string]string{
		"A: 1\n B: 2":                      "line 2 begins with a space",
		"A: 1\n\ncanary":                   "line 3: no colon",
		strings.Repeat("A: 1\n", 20_000):   "over 65536 bytes",
		"A: " + strings.Repeat("1", 70000): "over 65536 bytes",
	} {
		if _, err := ParseFields(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestHeader(t *testing.T) {
	for name, want := range map[string]string{
		"upgrade": "--token", "content-length": "body", "Transfer-Encoding": "body",
		"sec-websocket-protocol": "--subprotocol", "Sec-WebSocket-Key": "handshake",
	} {
		if _, err := Header([]Field{{name, "x"}}, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Header([]Field{{"Host", "a"}, {"host", "b"}}, true); err == nil {
		t.Error("two Host fields pass")
	}
	// Another protocol may have fields of that name.
	if h, err := Header([]Field{{"Sec-WebSocket-Key", "x"}}, false); err != nil || h.Get("Sec-WebSocket-Key") != "x" {
		t.Errorf("%v, %v", h, err)
	}
}

func TestBearerToken(t *testing.T) {
	if got, err := BearerToken(" abc.def-_~+/= \n"); err != nil || got != "abc.def-_~+/=" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", " \n", "canary two", "canary\nX: y", "canary\x00", "canäry"} {
		if got, err := BearerToken(bad); err == nil || strings.Contains(err.Error(), "can") {
			t.Errorf("%q: got %q, %v", bad, got, err)
		}
	}
}

// What is read can be sent: one line, no control characters; and written again it
// is the same.
func FuzzParseField(f *testing.F) {
	for _, s := range []string{"Name: value", "X:", ":", "a b: c", "X: a\r\nY: b", "X: \xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := ParseField(line)
		if err != nil {
			return
		}
		if strings.ContainsAny(got.Name+got.Value, "\r\n\x00") || got.Name == "" {
			t.Fatalf("%q became %q", line, got)
		}
		if again, err := ParseField(got.String()); err != nil || again != got {
			t.Fatalf("%q became %q and then %q, %v", line, got, again, err)
		}
	})
}

// A file is read as its lines are, within the bound.
func FuzzParseFields(f *testing.F) {
	f.Add("A: 1\nB: 2\n")
	f.Add("# x\r\n\r\nA:1\r\n")
	f.Add(" folded")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseFields(strings.NewReader(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for _, field := range got {
			again.WriteString(field.String() + "\n")
		}
		if again.Len() > maxHeaderFile {
			return // spaces were added
		}
		back, err := ParseFields(strings.NewReader(again.String()))
		if err != nil || fmt.Sprint(back) != fmt.Sprint(got) {
			t.Fatalf("%q became %q and then %q, %v", text, got, back, err)
		}
	})
}
