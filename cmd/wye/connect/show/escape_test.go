package show

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain äöü 日本 🎉":     "plain äöü 日本 🎉",
		`{"a":"\n"}`:         `{"a":"\n"}`,
		"\x1b[2J":            `\x1b[2J`,
		"a\nb\r\tc\x00\x7f":  `a\nb\r\tc\x00\x7f`,
		"\u009b31m":          `\u009b31m`, // the one-character form of ESC [
		"\xff\xc3":           `\xff\xc3`,
		"abc\u202edef\u2066": `abc\u202edef\u2066`, // turn the direction of text
		"\U000e0041":         `\U000e0041`,
		"":                   "",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"hello":            "hello",
		`\x00\xff`:         "\x00\xff",
		`\u00e4\U0001f389`: "ä🎉",
		`a\\nb\n\r\t`:      "a\\nb\n\r\t",
	} {
		if got, err := Unescape(in); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		`a\`:         `write \\ for a backslash`,
		`\q`:         `"\\q" is no escape`,
		`\é`:         `"\\é" is no escape`,
		`\x1`:        "want 2 hexadecimal digits of a byte",
		`\xzz`:       "want 2 hexadecimal digits of a byte",
		`\ud800`:     "want 4 hexadecimal digits of a character",
		`\U00110000`: "want 8 hexadecimal digits of a character",
		`\u+123`:     "want 4 hexadecimal digits",
	} {
		if got, err := Unescape(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v; want an error with %q", in, got, err, want)
		}
	}
}

// Nothing that a terminal could obey is left, what prints stays, and what was
// escaped can be typed again.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"plain", "\x1b]0;t\x07", "\xff\xfe\x80", "ä\u202e\u0085", "\\x41", "a\n\r\t\x00\x7f"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		got := Escape([]byte("before "), p)
		if !bytes.HasPrefix(got, []byte("before ")) || !utf8.Valid(got) {
			t.Fatalf("%q", got)
		}
		for _, r := range string(got) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q: %U is left", p, r)
			}
		}
		doubled := bytes.ReplaceAll(p, []byte(`\`), []byte(`\\`))
		if back, err := Unescape(string(Escape(nil, doubled))); err != nil || !bytes.Equal(back, p) {
			t.Fatalf("%q came back as %q, %v", p, back, err)
		}
	})
}

// What is typed never panics, and what it stands for can be typed again.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"hello", `\x00`, `\u00e4`, `\U0001f389`, `\`, `\x`, `\\\n`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Unescape(s)
		if err != nil {
			if !strings.Contains(s, `\`) {
				t.Fatalf("%q has no escape, and yet: %v", s, err)
			}
			return
		}
		again := strings.ReplaceAll(string(p), `\`, `\\`)
		if back, err := Unescape(Text(again)); err != nil || !bytes.Equal(back, p) {
			t.Fatalf("%q is %q, which came back as %q, %v", s, p, back, err)
		}
	})
}

// However a stream is cut, the same is shown.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("ä\x1b[2J日本\xff\n"), uint8(1))
	f.Add([]byte("\xf0\x9f\x8e"), uint8(2))
	f.Fuzz(func(t *testing.T, p []byte, size uint8) {
		var got bytes.Buffer
		w := Writer{W: &got}
		for rest := p; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			piece := bytes.Clone(rest[:n])
			if m, err := w.Write(piece); m != n || err != nil {
				t.Fatal(m, err)
			}
			clear(piece) // it is the caller's again
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if want := Lines(nil, p); !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("in pieces of %d: %q, whole: %q", size+1, got.Bytes(), want)
		}
	})
}
