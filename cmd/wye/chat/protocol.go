package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wye-org/wye/cmd/wye/rooms"
	"github.com/wye-org/wye/websocket"
)

// Subprotocol is the name of the protocol that docs/chat.md describes.
const Subprotocol = "chat-protocol-v1"

// What a client may ask for.
const (
	join = "join" // with a name, once, first of all
	say  = "say"  // with a text, to everyone in the room
)

// A request is a message from a client: valid as [parseRequest] returns it.
type request struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"` // of a join
	Text string `json:"text,omitempty"` // of a say
}

// Code names why a request was refused, for programs; a refusal's text is for
// people.
type Code string

// The codes of refusals. None of them closes the connection; too many in a
// second do.
const (
	BadRequest    Code = "bad_request"    // not a JSON object with a known type
	NameInvalid   Code = "name_invalid"   // the name cannot be shown
	TextInvalid   Code = "text_invalid"   // the text is empty or has control characters
	TooLong       Code = "too_long"       // the text has too many bytes
	TooFast       Code = "too_fast"       // more messages a second than the room takes
	NotJoined     Code = "not_joined"     // say before join
	AlreadyJoined Code = "already_joined" // a second join
)

// A Refusal answers a request that was not carried out.
type Refusal struct {
	Code  Code   `json:"code"`
	About string `json:"about,omitempty"` // the type of the request, where it has a known one
	Text  string `json:"text"`
}

func (e *Refusal) Error() string { return string(e.Code) + ": " + e.Text }

// parseRequest reads one message of a client. A request it returns is fit to be
// shown to others; an error is a *Refusal.
func parseRequest(typ websocket.MessageType, p []byte, maxText int) (request, error) {
	if typ != websocket.MessageText {
		return request{}, &Refusal{Code: BadRequest, Text: "a binary message, want JSON in a text message"}
	}
	var q request
	if err := json.Unmarshal(p, &q); err != nil {
		return request{}, &Refusal{Code: BadRequest, Text: `not an object like {"type":"say","text":"hello"}`}
	}
	switch q.Type {
	case join:
		name, err := rooms.CleanName("name", q.Name)
		if err != nil {
			return request{}, &Refusal{NameInvalid, join, err.Error()}
		}
		return request{Type: join, Name: name}, nil
	case say:
		text, err := cleanText(q.Text, maxText)
		if err != nil {
			return request{}, err
		}
		return request{Type: say, Text: text}, nil
	}
	return request{}, &Refusal{Code: BadRequest, Text: `no such type, want "join" or "say"`}
}

// cleanText returns s without the space around it, if it is a message that can
// be shown. Lines and tabs are welcome; marks that turn the direction of a text
// are too, since the page isolates each message.
func cleanText(s string, most int) (string, error) {
	text := strings.TrimSpace(s)
	switch {
	case text == "":
		return "", &Refusal{TextInvalid, say, "the text is empty"}
	case len(text) > most:
		return "", &Refusal{TooLong, say, fmt.Sprintf("the text is %d bytes long, want at most %d", len(text), most)}
	case !utf8.ValidString(text):
		return "", &Refusal{TextInvalid, say, "the text is not valid UTF-8"}
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && r != '\r' && (r < 0x20 || r >= 0x7f && r < 0xa0) {
			return "", &Refusal{TextInvalid, say, fmt.Sprintf("the text has the control character %U", r)}
		}
	}
	return text, nil
}

// A Member is someone in a room, as others see them. IDs are unique; names are
// unique among those present.
type Member struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// A Message is what someone said. Its ID is unique over all lives of all rooms,
// so that a client knows again what it has shown already.
type Message struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	From Member    `json:"from"`
	Text string    `json:"text"`
}

// What the server tells. Each is one text message, encoded once for everyone.
type (
	welcome struct {
		Type    string    `json:"type"` // "welcome"
		Room    string    `json:"room"`
		You     Member    `json:"you"`
		Members []Member  `json:"members"` // everyone present, you included, in order of arrival
		History []Message `json:"history"` // the last messages, oldest first
	}
	presence struct {
		Type   string    `json:"type"` // "joined" or "left"
		Time   time.Time `json:"time"`
		Member Member    `json:"member"`
	}
	said struct {
		Type string `json:"type"` // "message"
		Message
	}
	refused struct {
		Type string `json:"type"` // "error"
		Refusal
	}
)

// encode is one of the types above, or a remark, as JSON.
func encode(event any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	// Six bytes for each < would let a text take six times its size.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(event); err != nil {
		// None of the types above has a field that can fail.
		b.Reset()
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// refusal is what tells e.
func refusal(e *Refusal) []byte { return encode(refused{"error", *e}) }
