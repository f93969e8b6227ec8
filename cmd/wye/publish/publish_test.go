package publish

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
)

// answers are those of a server, one after another; the last one stays.
type answers struct {
	all   []answer
	asked []string
}

type answer struct {
	status int
	body   string
	err    error
}

// RoundTrip implements [http.RoundTripper].
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	a.asked = append(a.asked, r.URL.String()+" "+r.Header.Get("X-API-Key")+" "+r.Header.Get("Content-Type")+" "+string(body))
	one := a.all[0]
	if len(a.all) > 1 {
		a.all = a.all[1:]
	}
	if one.err != nil {
		return nil, one.err
	}
	return &http.Response{StatusCode: one.status, Body: io.NopCloser(strings.NewReader(one.body))}, nil
}

const (
	later  = `{"error":{"code":100,"message":"away","temporary":true}}`
	stored = `{"result":{"offset":7,"epoch":"e"}}`
)

func TestAPI(t *testing.T) {
	down := errors.New("down")
	for _, tt := range []struct {
		why   string
		key   string
		all   []answer
		asked int
		want  string // of the error; "": it was published
	}{
		{"at once", "", []answer{{200, stored, nil}}, 1, ""},
		{"later, with a key", "k", []answer{{503, later, nil}, {0, "", down}, {502, "Bad Gateway", nil}, {200, stored, nil}}, 4, ""},
		{"not again without a key", "", []answer{{503, later, nil}, {200, stored, nil}}, 1, "away (100)"},
		{"not again what is final", "k", []answer{{400, `{"error":{"code":108,"message":"no history"}}`, nil}, {200, stored, nil}}, 1, "no history (108)"},
		{"never", "k", []answer{{503, later, nil}}, 0, "away (100)"},
		{"of a proxy", "", []answer{{403, "<p>\nno", nil}}, 1, "403 Forbidden: <p>"},
		{"of another server", "", []answer{{200, "<html>", nil}}, 1, "not the API's"},
		{"of none", "", []answer{{200, "{}", nil}}, 1, "not the API's"},
		{"an error with 200", "", []answer{{200, `{"error":{"code":102,"message":"unknown"}}`, nil}}, 1, "unknown (102)"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &answers{all: tt.all}
				u, _ := url.Parse("http://example.com/base")
				api := &API{Client: &http.Client{Transport: s}, Server: u, Key: "secret"}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r, err := api.Publish(ctx, Message{Channel: "c", Text: `"x"`, IdempotencyKey: tt.key})
				if tt.want == "" && (err != nil || r != Receipt{Offset: 7, Epoch: "e"}) {
					t.Errorf("%+v, %v", r, err)
				}
				if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("%v, want %s", err, tt.want)
				}
				if tt.asked > 0 && len(s.asked) != tt.asked || len(s.asked) > 60 {
					t.Errorf("it was asked %d times", len(s.asked))
				}
				want := `http://example.com/base/api/publish secret application/json {"channel":"c","text":"\"x\""`
				for _, asked := range s.asked {
					if !strings.HasPrefix(asked, want) || strings.Contains(asked, "idempotency_key") != (tt.key != "") {
						t.Errorf("asked was %s", asked)
					}
				}
			})
		})
	}
}

// served is the other end of a client's connection.
func served(t *testing.T) (*Client, *websocket.Conn) {
	t.Helper()
	client, server := websocket.Pipe(nil, nil)
	t.Cleanup(func() { client.CloseNow(); server.CloseNow() })
	return &Client{conn: client, used: time.Now()}, server
}

func TestClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server := served(t)
		for _, tt := range []struct {
			text, sent string
			replies    []string
			want       string
		}{
			{"hello", `{"id":1,"publish":{"channel":"c","data":"hello"}}`, []string{`{"id":1,"publish":{}}`}, ""},
			{`{"a":1}`, `{"id":2,"publish":{"channel":"c","data":{"a":1}}}`, []string{`{}`, `{"push":{"channel":"c"}}` + "\n" + `{"id":1,"error":{"code":1}}` + "\n" + `{"id":2,"publish":{}}`}, ""},
			{"", `{"id":3,"publish":{"channel":"c","data":""}}`, []string{`{"id":3,"error":{"code":103,"message":"permission denied"}}`}, "permission denied (103)"},
			{"x", `{"id":4,"publish":{"channel":"c","data":"x"}}`, []string{`hello`}, "does not speak"},
		} {
			pongs := make(chan int, 1)
			go func() { // ends with the replies
				_, p, err := server.Read(t.Context())
				if err != nil || string(p) != tt.sent {
					t.Errorf("sent was %s, %v; want %s", p, err, tt.sent)
				}
				n := 0
				for _, r := range tt.replies {
					server.Write(t.Context(), websocket.MessageText, []byte(r))
					if r == `{}` {
						if _, p, err := server.Read(t.Context()); err != nil || string(p) != "{}" {
							t.Errorf("the ping was answered with %s, %v", p, err)
						}
						n++
					}
				}
				pongs <- n
			}()
			_, err := c.Publish(t.Context(), Message{Channel: "c", Text: tt.text})
			<-pongs
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
			}
		}
		if _, err := c.Publish(t.Context(), Message{Channel: "c", IdempotencyKey: "k"}); err != ErrNoKey {
			t.Errorf("with an idempotency key: %v", err)
		}
	})
}

// A connection that was idle may be dead: it is not used again.
func TestAnIdleClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server := served(t)
		u, _ := url.Parse("http://nowhere.example")
		fresh := NewClient(u, "", &websocket.DialOptions{NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("down") }})
		c.server, c.opts = fresh.server, fresh.opts
		time.Sleep(idleMost + time.Second)
		go func() { server.Read(t.Context()) }() // ends with the connection
		if _, err := c.Publish(t.Context(), Message{Channel: "c"}); err == nil || c.conn != nil {
			t.Errorf("it was used again: %v", err)
		}
		if got := fresh.server.String(); got != "ws://nowhere.example/connection/websocket" {
			t.Errorf("the client protocol is looked for at %s", got)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
