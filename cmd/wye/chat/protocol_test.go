package chat

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/websocket"
)

const maxText = 100

func TestParseRequest(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want request
		code Code
	}{
		{in: `{"type":"join","name":"Ada"}`, want: request{Type: join, Name: "Ada"}},
		{in: `{"type":"join","name":" Ada "}`, want: request{Type: join, Name: "Ada"}},
		{in: `{"type":"say","text":"hello","unknown":[1]}`, want: request{Type: say, Text: "hello"}},
		{in: `{"type":"say","text":"\n two\n\tlines \n"}`, want: request{Type: say, Text: "two\n\tlines"}},
		{in: `{"type":"say","text":"` + strings.Repeat("x", maxText) + `"}`, want: request{Type: say, Text: strings.Repeat("x", maxText)}},

		{in: ``, code: BadRequest},
		{in: `hello`, code: BadRequest},
		{in: `null`, code: BadRequest},
		{in: `["say"]`, code: BadRequest},
		{in: `{"type":"say","text":"x"} {}`, code: BadRequest},
		{in: `{"type":"shout","text":"x"}`, code: BadRequest},
		{in: `{"type":"say","text":7}`, code: BadRequest},
		{in: `{"type":"join"}`, code: NameInvalid},
		{in: `{"type":"join","name":"a\u0000b"}`, code: NameInvalid},
		{in: `{"type":"say","text":" \n "}`, code: TextInvalid},
		{in: `{"type":"say","text":"a\u001bb"}`, code: TextInvalid},
		{in: `{"type":"say","text":"a\u0085b"}`, code: TextInvalid},
		{in: `{"type":"say","text":"` + strings.Repeat("x", maxText+1) + `"}`, code: TooLong},
	} {
		got, err := parseRequest(websocket.MessageText, []byte(tt.in), maxText)
		var refusal *Refusal
		switch {
		case tt.code == "" && (err != nil || got != tt.want):
			t.Errorf("%s: %+v, %v; want %+v", tt.in, got, err, tt.want)
		case tt.code != "" && (!errors.As(err, &refusal) || refusal.Code != tt.code || refusal.Text == ""):
			t.Errorf("%s: %+v, %v; want %s and a text", tt.in, got, err, tt.code)
		}
	}
	if _, err := parseRequest(websocket.MessageBinary, []byte(`{"type":"say","text":"x"}`), maxText); err == nil {
		t.Error("a binary message was taken")
	}
}

// A request is refused in words, or it is fit to be shown to others, and it
// means the same when it is sent again as it was understood.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"type":"join","name":"Ada"}`, `{"type":"say","text":"hi\n"}`, `{"type":"say","text":"\ud800"}`,
		`{"TYPE":"say","tExT":"x"}`, `{"type":"say","type":"join","name":"\u202e"}`, `{`, `[[[[`, `nul`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		q, err := parseRequest(websocket.MessageText, p, maxText)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Code == "" || refusal.Text == "" || q != (request{}) {
				t.Fatalf("%q: %+v and %#v", p, q, err)
			}
			return
		}
		switch {
		case q.Type == join && (q.Name == "" || len(q.Name) > rooms.MaxName || q.Text != ""):
			t.Fatalf("%q: joined as %+v", p, q)
		case q.Type == say && (q.Text == "" || len(q.Text) > maxText || !utf8.ValidString(q.Text) || q.Name != ""):
			t.Fatalf("%q: said %+v", p, q)
		}
		again, _ := json.Marshal(q)
		if same, err := parseRequest(websocket.MessageText, again, maxText); err != nil || same != q {
			t.Fatalf("%q became %+v, and then %+v, %v", p, q, same, err)
		}
	})
}

func TestWhatTheServerTells(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	ada := Member{"m1", "Ada <b>"}
	hello := Message{"k-1", at, ada, "hello"}
	for want, event := range map[string]any{
		`{"type":"welcome","room":"r","you":{"id":"m1","name":"Ada <b>"},"members":[{"id":"m1","name":"Ada <b>"}],"history":[{"id":"k-1","time":"2026-01-02T03:04:05.678Z","from":{"id":"m1","name":"Ada <b>"},"text":"hello"}]}`: welcome{"welcome", "r", ada, []Member{ada}, []Message{hello}},
		`{"type":"joined","time":"2026-01-02T03:04:05.678Z","member":{"id":"m1","name":"Ada <b>"}}`:                                                                                                                               presence{"joined", at, ada},
		`{"type":"message","id":"k-1","time":"2026-01-02T03:04:05.678Z","from":{"id":"m1","name":"Ada <b>"},"text":"hello"}`:                                                                                                      said{"message", hello},
		`{"type":"error","code":"too_fast","about":"say","text":"slowly"}`:                                                                                                                                                        refused{"error", Refusal{TooFast, say, "slowly"}},
	} {
		if got := string(encode(event)); got != want {
			t.Errorf("%T is told as\n%s, want\n%s", event, got, want)
		}
	}
}
