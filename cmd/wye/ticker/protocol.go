package ticker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wye-org/wye/websocket"
)

// Subprotocol names the protocol of docs/ticker.md. It is optional for the
// client.
const Subprotocol = "ticker-v1"

// MaxWindow is the largest window that a client can ask for: more than that is
// as good as none.
const MaxWindow = 10_000

// A request is what a client asks for. Members that are absent are nil; the
// others are carried out in this order.
type request struct {
	Ack         *uint64  `json:"ack,omitempty"`    // ticks of this connection that the client has handled
	Window      *int     `json:"window,omitempty"` // most ticks that are not acknowledged; 0: no bound
	Unsubscribe []string `json:"unsubscribe,omitempty"`
	Subscribe   []string `json:"subscribe,omitempty"`
}

// Code says why a request was not carried out. Clients may rely on it; the text
// beside it is for people.
type Code string

// The codes.
const (
	BadRequest    Code = "bad_request"    // not a JSON object with known members
	UnknownSymbol Code = "unknown_symbol" // nothing is traded under that name
	WindowInvalid Code = "window_invalid" // negative, or above MaxWindow
	AckInvalid    Code = "ack_invalid"    // more ticks than were sent
)

// A Refusal answers a request that was not carried out, no part of it.
type Refusal struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

func (e *Refusal) Error() string { return string(e.Code) + ": " + e.Text }

// Answer says it to who asks in the URL.
func (e *Refusal) Answer() (int, http.Header, string) { return http.StatusBadRequest, nil, e.Text }

func badRequest(text string) (request, error) { return request{}, &Refusal{BadRequest, text} }

// parseRequest reads one message of a client. The symbols of a request that it
// returns are known, sorted and there once; an error is a *Refusal.
func parseRequest(typ websocket.MessageType, p []byte) (request, error) {
	const example = `an object like {"subscribe":["ACME"]}`
	if typ != websocket.MessageText {
		return badRequest("a binary message, want JSON in a text message")
	}
	dec := json.NewDecoder(bytes.NewReader(p))
	dec.DisallowUnknownFields()
	var q request
	if err := dec.Decode(&q); err != nil {
		return badRequest("not " + example)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("more than one JSON value, want " + example)
	}
	if q.Subscribe == nil && q.Unsubscribe == nil && q.Window == nil && q.Ack == nil {
		return badRequest("nothing is asked for, want " + example)
	}
	if q.Window != nil && (*q.Window < 0 || *q.Window > MaxWindow) {
		return request{}, &Refusal{WindowInvalid, fmt.Sprintf("a window of %d ticks, want 0 to %d", *q.Window, MaxWindow)}
	}
	var err error
	if q.Subscribe, err = symbols(q.Subscribe); err != nil {
		return request{}, err
	}
	if q.Unsubscribe, err = symbols(q.Unsubscribe); err != nil {
		return request{}, err
	}
	return q, nil
}

// all stands for every symbol.
const all = "*"

// symbols are those that a client named, in upper case, sorted and once each.
func symbols(names []string) ([]string, error) {
	if names == nil {
		return nil, nil
	}
	if slices.Contains(names, all) {
		names = make([]string, len(Companies))
		for i, c := range Companies {
			names[i] = c.Symbol
		}
		return names, nil
	}
	known := make([]string, 0, min(len(names), len(Companies)))
	for _, name := range names {
		symbol := strings.ToUpper(name)
		if _, ok := index[symbol]; !ok {
			return nil, &Refusal{UnknownSymbol, fmt.Sprintf("nothing is traded as %.20q", name)}
		}
		if !slices.Contains(known, symbol) {
			known = append(known, symbol)
		}
	}
	slices.Sort(known)
	return known, nil
}

// MarshalJSON writes a price in units of a hundred cents: 142.50.
func (p Price) MarshalJSON() ([]byte, error) {
	b := strconv.AppendInt(nil, int64(p/100), 10)
	return append(b, '.', byte('0'+p/10%10), byte('0'+p%10)), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Price) UnmarshalJSON(b []byte) error {
	units, cents, ok := strings.Cut(string(b), ".")
	n, err := strconv.ParseUint(units+cents, 10, 62)
	if !ok || len(cents) != 2 || err != nil {
		return fmt.Errorf("not a price: %.20q", b)
	}
	*p = Price(n)
	return nil
}

// What the server tells. Each is one text message.
type (
	// listing is the first message: what there is to subscribe to.
	listing struct {
		Type    string  `json:"type"` // "market"
		Symbols []entry `json:"symbols"`
	}
	entry struct {
		Symbol string `json:"symbol"`
		Name   string `json:"name"`
	}
	// quotation is a symbol as it stands when a client subscribes to it.
	quotation struct {
		Type   string    `json:"type"` // "quote"
		Symbol string    `json:"symbol"`
		Name   string    `json:"name"`
		Seq    uint64    `json:"seq"` // of the last tick
		Open   Price     `json:"open"`
		Price  Price     `json:"price"`
		Volume int64     `json:"volume"`
		Time   time.Time `json:"time"`
		Prices []Price   `json:"prices"` // the last ones, oldest first; Price is the last of them
	}
	// trade is a tick.
	trade struct {
		Type   string    `json:"type"` // "tick"
		Symbol string    `json:"symbol"`
		Seq    uint64    `json:"seq"`
		Price  Price     `json:"price"`
		Volume int64     `json:"volume"`
		Time   time.Time `json:"time"`
		// Conflated is how many ticks since the one that this client was told
		// last gave way to this one.
		Conflated uint64 `json:"conflated,omitempty"`
	}
	// subscriptions answers a request that changed them.
	subscriptions struct {
		Type    string   `json:"type"` // "subscriptions"
		Symbols []string `json:"symbols"`
	}
	refused struct {
		Type string `json:"type"` // "error"
		Refusal
	}
)

// encode writes one of the types above.
func encode(event any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(event); err != nil {
		return nil // none of them has a field that can fail
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func (t Tick) trade() trade {
	return trade{Type: "tick", Symbol: t.Symbol, Seq: t.Seq, Price: t.Price, Volume: t.Volume, Time: inMilliseconds(t.Time)}
}

// inMilliseconds is a time as messages tell it.
func inMilliseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
