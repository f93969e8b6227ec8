package ticker

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
)

func ptr[T any](v T) *T { return &v }

func TestParseRequest(t *testing.T) {
	every := make([]string, len(Companies))
	for i, c := range Companies {
		every[i] = c.Symbol
	}
	for _, tt := range []struct {
		in   string
		want request
		code Code
	}{
		{in: `{"subscribe":["ACME"]}`, want: request{Subscribe: []string{"ACME"}}},
		{in: ` {"subscribe":["wire","Acme","ACME"]} `, want: request{Subscribe: []string{"ACME", "WIRE"}}},
		{in: `{"subscribe":["ACME","*","nothing"]}`, want: request{Subscribe: every}},
		{in: `{"subscribe":[]}`, want: request{Subscribe: []string{}}},
		{in: `{"unsubscribe":["*"],"subscribe":["BYTE"]}`, want: request{Unsubscribe: every, Subscribe: []string{"BYTE"}}},
		{in: `{"window":0}`, want: request{Window: ptr(0)}},
		{in: `{"window":10000,"ack":7}`, want: request{Window: ptr(10_000), Ack: ptr[uint64](7)}},

		{in: ``, code: BadRequest},
		{in: `ACME`, code: BadRequest},
		{in: `null`, code: BadRequest},
		{in: `{}`, code: BadRequest},
		{in: `{"subscribe":null}`, code: BadRequest},
		{in: `["subscribe"]`, code: BadRequest},
		{in: `{"subscribe":"ACME"}`, code: BadRequest},
		{in: `{"subscribe":[7]}`, code: BadRequest},
		{in: `{"subscribe":["ACME"],"price":1}`, code: BadRequest},
		{in: `{"subscribe":["ACME"]} {}`, code: BadRequest},
		{in: `{"subscribe":["ACME"]}]`, code: BadRequest},
		{in: `{"window":1.5}`, code: BadRequest},
		{in: `{"ack":-1}`, code: BadRequest},
		{in: `{"ack":18446744073709551616}`, code: BadRequest},
		{in: `{"window":-1}`, code: WindowInvalid},
		{in: `{"window":10001}`, code: WindowInvalid},
		{in: `{"subscribe":["ACME",""]}`, code: UnknownSymbol},
		{in: `{"subscribe":["ACME","NONE"]}`, code: UnknownSymbol},
		{in: `{"unsubscribe":["` + strings.Repeat("A", 1000) + `"]}`, code: UnknownSymbol},
	} {
		got, err := parseRequest(websocket.MessageText, []byte(tt.in))
		var refusal *Refusal
		switch {
		case tt.code == "" && (err != nil || !reflect.DeepEqual(got, tt.want)):
			t.Errorf("%s: %+v, %v; want %+v", tt.in, got, err, tt.want)
		case tt.code != "" && (!errors.As(err, &refusal) || refusal.Code != tt.code || refusal.Text == "" || len(refusal.Text) > 100):
			t.Errorf("%s: %+v, %v; want %s and a short text", tt.in, got, err, tt.code)
		}
	}
	if _, err := parseRequest(websocket.MessageBinary, []byte(`{"subscribe":["ACME"]}`)); err == nil {
		t.Error("a binary message was taken")
	}
}

// A request is refused in words, or it is within its bounds, and it means the
// same when it is sent again as it was understood.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"subscribe":["ACME","*"]}`, `{"unsubscribe":["\u0041CME"],"window":3}`, `{"ack":18446744073709551615}`,
		`{"SUBSCRIBE":["ſock"]}`, `{"subscribe":[null]}`, `{"window":1e3}`, `{`, `[[[[`, `nul`, `{"subscribe":[],"subscribe":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		q, err := parseRequest(websocket.MessageText, p)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Code == "" || refusal.Text == "" || !reflect.DeepEqual(q, request{}) {
				t.Fatalf("%q: %+v and %#v", p, q, err)
			}
			return
		}
		for _, list := range [][]string{q.Subscribe, q.Unsubscribe} {
			if len(list) > len(Companies) || !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
				t.Fatalf("%q names %q", p, list)
			}
			for _, symbol := range list {
				if _, ok := index[symbol]; !ok {
					t.Fatalf("%q names %q, which there is not", p, symbol)
				}
			}
		}
		if q.Window != nil && (*q.Window < 0 || *q.Window > MaxWindow) {
			t.Fatalf("%q: a window of %d", p, *q.Window)
		}
		if len(q.Subscribe) == 0 && len(q.Unsubscribe) == 0 && q.Window == nil && q.Ack == nil {
			return // an empty list is not written
		}
		again, _ := json.Marshal(q)
		same, err := parseRequest(websocket.MessageText, again)
		if err != nil || fmt.Sprint(same.Subscribe, same.Unsubscribe) != fmt.Sprint(q.Subscribe, q.Unsubscribe) ||
			!reflect.DeepEqual(same.Window, q.Window) || !reflect.DeepEqual(same.Ack, q.Ack) {
			t.Fatalf("%q became %s, and then %+v, %v", p, again, same, err)
		}
	})
}

func TestWhatTheServerTells(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_999_000, time.FixedZone("", 3600))
	tick := Tick{"ACME", 61, 14250, 1230, at}
	late := tick.trade()
	late.Conflated = 4
	for want, event := range map[string]any{
		`{"type":"market","symbols":[{"symbol":"FRAM","name":"Frame & Sons"}]}`:                                                 listing{"market", []entry{{"FRAM", "Frame & Sons"}}},
		`{"type":"tick","symbol":"ACME","seq":61,"price":142.50,"volume":1230,"time":"2026-01-02T02:04:05.678Z"}`:               tick.trade(),
		`{"type":"tick","symbol":"ACME","seq":61,"price":142.50,"volume":1230,"time":"2026-01-02T02:04:05.678Z","conflated":4}`: late,
		`{"type":"subscriptions","symbols":[]}`:                                                                                 subscriptions{"subscriptions", []string{}},
		`{"type":"error","code":"bad_request","text":"no"}`:                                                                     refused{"error", Refusal{BadRequest, "no"}},
		`{"type":"quote","symbol":"ACME","name":"Acme Anvils","seq":61,"open":100.05,"price":142.50,"volume":1230,"time":"2026-01-02T02:04:05.678Z","prices":[0.01,142.50]}`: quotation{
			"quote", "ACME", "Acme Anvils", 61, 10005, 14250, 1230, inMilliseconds(at), []Price{1, 14250},
		},
	} {
		if got := string(encode(event)); got != want {
			t.Errorf("%T is told as\n%s, want\n%s", event, got, want)
		}
	}
}

func TestPricesAreReadAsTheyAreWritten(t *testing.T) {
	for _, p := range []Price{0, 1, 9, 10, 99, 100, 101, 14250, 1<<53 - 1} {
		b, _ := p.MarshalJSON()
		var got Price
		if err := got.UnmarshalJSON(b); err != nil || got != p {
			t.Errorf("%d cents are written as %s and read as %d, %v", p, b, got, err)
		}
	}
	for _, bad := range []string{``, `1`, `1.`, `1.2`, `1.234`, `-1.00`, `1e5.00`, `"1.00"`, `.`, `1.-1`} {
		var p Price
		if err := p.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%q was read as %d cents", bad, p)
		}
	}
}
