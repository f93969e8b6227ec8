package connect

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wye-org/wye/websocket"
)

func TestDecode(t *testing.T) {
	for _, x := range []struct {
		e       Encoding
		line    string
		typ     websocket.MessageType
		payload string
	}{
		{Text, "", websocket.MessageText, ""},
		{Text, " ä\t\r", websocket.MessageText, " ä\t\r"},
		{Binary, "\xff", websocket.MessageBinary, "\xff"},
		{Hex, "00fF", websocket.MessageBinary, "\x00\xff"},
		{Hex, " 00 ff\t0 1\r", websocket.MessageBinary, "\x00\xff\x01"},
		{Hex, "", websocket.MessageBinary, ""},
		{Base64, "AP8=", websocket.MessageBinary, "\x00\xff"},
		{Base64, "AP8\r", websocket.MessageBinary, "\x00\xff"},
	} {
		typ, payload, err := x.e.decode([]byte(x.line))
		if typ != x.typ || string(payload) != x.payload || err != nil {
			t.Errorf("%d %q: got %v %q, %v", x.e, x.line, typ, payload, err)
		}
	}
	for _, x := range []struct {
		e    Encoding
		line string
		want string
	}{
		{Text, "\xff", "is not UTF-8"},
		{Hex, "0", "is not in hexadecimal digits"},
		{Hex, "0g", "is not in hexadecimal digits"},
		{Base64, "A", "is not base64"},
		{Base64, "A-_8", "is not base64"},
	} {
		if _, p, err := x.e.decode([]byte(x.line)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%d %q: got %q, %v", x.e, x.line, p, err)
		}
	}
}

// What one end writes the other reads, and a line that is read is written as one
// that says the same.
func FuzzEncoding(f *testing.F) {
	for _, s := range []string{"hello", "00ff", "AP8=", "\xff", " 0 0 ", "A=="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, e := range []Encoding{Binary, Hex, Base64} {
			line := e.append(nil, p)
			if e != Binary && bytes.ContainsAny(line, "\n\x00") {
				t.Fatalf("%d writes %q on more than a line: %q", e, p, line)
			}
			if _, back, err := e.decode(line); err != nil || !bytes.Equal(back, p) {
				t.Fatalf("%d: %q came back as %q, %v", e, p, back, err)
			}
			if _, payload, err := e.decode(p); err == nil {
				payload = bytes.Clone(payload)
				if _, again, err := e.decode(e.append(nil, payload)); err != nil || !bytes.Equal(again, payload) {
					t.Fatalf("%d: the line %q is %q, which came back as %q, %v", e, p, payload, again, err)
				}
			}
		}
	})
}
