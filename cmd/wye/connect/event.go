package connect

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/wye-org/wye/cmd/wye/connect/show"
	"github.com/wye-org/wye/websocket"
)

// event is what happened, as --json writes it: docs/connect.md describes it for
// programs.
type event struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`

	URL         string  `json:"url,omitempty"`         // open
	Remote      string  `json:"remote,omitempty"`      // open
	Carrier     string  `json:"carrier,omitempty"`     // open
	Subprotocol string  `json:"subprotocol,omitempty"` // open
	Compressed  bool    `json:"compressed,omitempty"`  // open
	Type        string  `json:"type,omitempty"`        // message
	Text        *string `json:"text,omitempty"`        // message
	Base64      []byte  `json:"base64,omitempty"`      // message, where it is not text
	RTT         float64 `json:"rtt_ms,omitempty"`      // pong
	Code        int     `json:"code,omitempty"`        // close
	Reason      string  `json:"reason,omitempty"`      // close, refused
	ByServer    *bool   `json:"by_server,omitempty"`   // close
	Status      int     `json:"status,omitempty"`      // open, refused
	Body        string  `json:"body,omitempty"`        // refused
	Delay       float64 `json:"delay_ms,omitempty"`    // retry
	Attempt     int     `json:"attempt,omitempty"`     // retry
	Error       string  `json:"error,omitempty"`       // retry, end
	Exit        *int    `json:"exit,omitempty"`        // end

	chosen bool // open: there was a choice of carriers
}

func messageEvent(typ websocket.MessageType, payload []byte) event {
	e := event{Event: "message", Type: typ.String()}
	if typ == websocket.MessageText {
		text := string(payload)
		e.Text = &text
	} else {
		// An empty message has to have its field.
		e.Base64 = append([]byte{}, payload...)
	}
	return e
}

func closeEvent(ce *websocket.CloseError) event {
	byServer := ce.Remote
	return event{Event: "close", Code: int(ce.Code), Reason: ce.Reason, ByServer: &byServer}
}

// words is the event for a person; empty: a message, or the end, which are shown
// in other ways.
func (e *event) words() string {
	switch e.Event {
	case "open":
		text := "connected to " + e.URL
		if e.chosen {
			text += " over " + e.Carrier
		}
		if e.Subprotocol != "" {
			text += ", subprotocol " + e.Subprotocol
		}
		if e.Compressed {
			text += ", compressed"
		}
		return text
	case "pong":
		return fmt.Sprintf("pong after %.3f ms", e.RTT)
	case "close":
		who := "closed by this end"
		if *e.ByServer {
			who = "closed by the server"
		}
		text := fmt.Sprintf("%s: %d (%v)", who, e.Code, websocket.StatusCode(e.Code))
		if e.Reason != "" {
			text += ": " + e.Reason
		}
		return text
	case "retry":
		return fmt.Sprintf("%s; trying again in %s", e.Error, time.Duration(e.Delay*float64(time.Millisecond)).Round(time.Millisecond))
	}
	return ""
}

// matter reports whether a person has to know although nobody asked: the wait
// before a next attempt would else look like nothing.
func (e *event) matter() bool { return e.Event == "retry" }

// jsonDisplay writes every event as a line of JSON.
type jsonDisplay struct {
	out io.Writer
	*log
}

func (d *jsonDisplay) message(typ websocket.MessageType, payload []byte) error {
	return d.write(messageEvent(typ, payload))
}

func (d *jsonDisplay) bytes([]byte) error { return nil } // there are no events of bytes

func (d *jsonDisplay) event(e event) { d.keep(d.write(e)) }

func (d *jsonDisplay) write(e event) error {
	e.Time = time.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err = d.out.Write(append(line, '\n'))
	return err
}

// bodyText is a refusal's body for an event.
func bodyText(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}
	return show.Text(string(body))
}
