package inspect_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/cmd/wye/inspect"
	"github.com/wye-org/wye/websocket"
)

// get returns the body of an answer, which is to be JSON.
func (s *watched) get(t *testing.T, path string, want int) string {
	t.Helper()
	resp, err := http.Get(s.srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != want || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("GET %s: %s, %v\n%s", path, resp.Status, resp.Header, body)
	}
	if typ := resp.Header.Get("Content-Type"); want == 200 && typ != "application/json" {
		t.Errorf("GET %s: Content-Type %s", path, typ)
	}
	return string(body)
}

// post sends JSON, unless the header says otherwise.
func (s *watched) post(t *testing.T, path, body string, header http.Header, want int) string {
	t.Helper()
	req, _ := http.NewRequest("POST", s.srv.URL+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != want {
		t.Errorf("POST %s %s %v: %s, want %d\n%s", path, body, header, resp.Status, want, got)
	}
	return string(got)
}

func TestConnectionsAsJSON(t *testing.T) {
	s := serve(t)
	s.dial(t, "/echo/a", nil)
	s.dial(t, "/echo/b", nil)
	s.known(t, 2)
	var page struct {
		Total, Matched, Offset int
		Connections            []map[string]any
	}
	if err := json.Unmarshal([]byte(s.get(t, "/inspect/connections?q=echo&sort=path&limit=1&offset=1", 200)), &page); err != nil {
		t.Fatal(err)
	}
	if page.Total != 2 || page.Matched != 2 || page.Offset != 1 || len(page.Connections) != 1 || page.Connections[0]["path"] != "/echo/b" {
		t.Errorf("%+v", page)
	}
	for _, field := range []string{"id", "carrier", "token", "endpoint", "path", "subprotocol", "extensions", "principal", "client", "opened", "age", "rtt", "received", "sent", "queue"} {
		if _, ok := page.Connections[0][field]; !ok {
			t.Errorf("there is no %s", field)
		}
	}
	for _, bad := range []string{"limit=x", "limit=0x10", "limit=1000", "offset=-1", "sort=payload", "q=" + strings.Repeat("x", 201)} {
		s.get(t, "/inspect/connections?"+bad, 400)
	}
	if empty := serve(t).get(t, "/inspect/connections", 200); !strings.Contains(empty, `"connections":[]`) {
		t.Error(empty)
	}
	if empty := serve(t).get(t, "/inspect/refusals", 200); !strings.Contains(empty, `{"total":0,"refusals":[]}`) {
		t.Error(empty)
	}
}

// A connection is closed with the code and the reason that was asked for.
func TestClose(t *testing.T) {
	s := serve(t)
	c := s.dial(t, "/echo/a", nil)
	id := s.known(t, 1)[0].ID
	ended := make(chan error, 1)
	go func() { // received below
		_, _, err := c.Read(t.Context())
		ended <- err
	}()
	path := fmt.Sprintf("/inspect/connections/%d/close", id)
	answer := s.post(t, path, `{"code":4321,"reason":"by hand"}`, http.Header{"Origin": {s.srv.URL}, "Sec-Fetch-Site": {"same-origin"}}, 200)
	if !strings.HasPrefix(answer, fmt.Sprintf(`{"id":%d,"clean":true,`, id)) {
		t.Error(answer)
	}
	var closed *websocket.CloseError
	if err := <-ended; websocket.CloseStatus(err) != 4321 || !asClose(err, &closed) || closed.Reason != "by hand" || !closed.Remote {
		t.Errorf("the peer is told %v", err)
	}
	until(t, "nothing is open", func() bool { return s.list(t, inspect.Query{}).Total == 0 })
	s.post(t, path, `{"code":1000}`, nil, 404)
}

func asClose(err error, to **websocket.CloseError) bool {
	e, ok := err.(*websocket.CloseError)
	*to = e
	return ok
}

// What is not a request of this server's own page, or of a program, closes
// nothing; nor does what is wrong.
func TestCloseIsProtected(t *testing.T) {
	s := serve(t)
	c := s.dial(t, "/echo/a", nil)
	path := fmt.Sprintf("/inspect/connections/%d/close", s.known(t, 1)[0].ID)
	const ok = `{"code":1008}`
	for _, tt := range []struct {
		about, path, body string
		header            http.Header
		status            int
	}{
		{"another site's page", path, ok, http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		{"without Fetch Metadata", path, ok, http.Header{"Origin": {"https://evil.example"}}, 403},
		{"another port of this host", path, ok, http.Header{"Origin": {"http://127.0.0.1:1"}, "Sec-Fetch-Site": {"same-site"}}, 403},
		{"a sandboxed page", path, ok, http.Header{"Origin": {"null"}}, 403},
		{"a site that is not said by Origin", path, ok, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"a form", path, "code=1008", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		{"a form of text", path, ok, http.Header{"Content-Type": {"text/plain"}}, 415},
		{"no type", path, ok, http.Header{"Content-Type": {""}}, 415},
		{"no JSON", path, "1008", nil, 400},
		{"a long body", path, `{"code":1008,"reason":"` + strings.Repeat("x", 2000) + `"}`, nil, 400},
		{"a long reason", path, `{"code":1008,"reason":"` + strings.Repeat("x", 124) + `"}`, nil, 400},
		{"a code that is none", path, `{"code":1005}`, nil, 400},
		{"a code for the other end", path, `{"code":1010}`, nil, 400},
		{"a code out of range", path, `{"code":5000}`, nil, 400},
		{"a code beyond what a frame holds", path, `{"code":70000}`, nil, 400},
		{"no such connection", "/inspect/connections/999/close", ok, nil, 404},
		{"no number", "/inspect/connections/x/close", ok, nil, 400},
	} {
		t.Run(tt.about, func(t *testing.T) { s.post(t, tt.path, tt.body, tt.header, tt.status) })
	}
	resp, err := http.Get(s.srv.URL + path)
	if err != nil || resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %v, %v", resp, err)
	}
	resp.Body.Close()
	c.Write(t.Context(), websocket.MessageText, []byte("still here"))
	if _, p, err := c.Read(t.Context()); string(p) != "still here" || err != nil {
		t.Errorf("%q, %v", p, err)
	}
}

// Who comes by another name, or from another page, sees nothing.
func TestInspectorIsGuarded(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/inspect/connections", "/inspect/refusals", "/inspect/live"} {
		for _, field := range []string{"Host: rebound.example", "Host: localhost\nOrigin: https://evil.example"} {
			request := "GET " + path + " HTTP/1.1\n" + strings.Replace(handshake, "Host: localhost", field, 1)
			if got := s.raw(t, request); got != "403 Forbidden" {
				t.Errorf("%s with %q: %s", path, field, got)
			}
		}
	}
}

// next reads what the inspector's WebSocket says, of one type.
func next[T any](t *testing.T, c *websocket.Conn, typ string) T {
	t.Helper()
	for {
		var head struct{ Type string }
		_, p, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(p, &head); head.Type == typ {
			var v T
			if err := json.Unmarshal(p, &v); err != nil {
				t.Fatalf("%v in %s", err, p)
			}
			return v
		}
	}
}

type refusalsMessage struct {
	Total    uint64
	Refusals []inspect.Refusal
}

func TestLive(t *testing.T) {
	s := serve(t)
	viewer := s.dial(t, "/inspect/live", &websocket.DialOptions{Subprotocols: []string{inspect.Subprotocol}})
	if viewer.Subprotocol() != "inspect-v1" {
		t.Errorf("the subprotocol is %q", viewer.Subprotocol())
	}
	// The viewer itself is there, and at once.
	if page := next[inspect.Page](t, viewer, "connections"); page.Total != 1 || page.Connections[0].Endpoint != "/inspect/live" {
		t.Errorf("%+v", page)
	}
	if r := next[refusalsMessage](t, viewer, "refusals"); r.Total != 0 || r.Refusals == nil {
		t.Errorf("%+v", r)
	}
	s.dial(t, "/echo/a", nil)
	for next[inspect.Page](t, viewer, "connections").Total != 2 {
	}
	s.raw(t, "GET /full HTTP/1.1\n"+handshake)
	if r := next[refusalsMessage](t, viewer, "refusals"); r.Total != 1 || r.Refusals[0].Status != 503 {
		t.Errorf("%+v", r)
	}
	viewer.Write(t.Context(), websocket.MessageText, []byte(`{"q":"echo","sort":"path","limit":1}`))
	for {
		page := next[inspect.Page](t, viewer, "connections")
		if page.Matched == 1 {
			if page.Total != 2 || page.Connections[0].Path != "/echo/a" {
				t.Errorf("%+v", page)
			}
			break
		}
	}
}

func TestLiveRefusesWhatIsNoQuery(t *testing.T) {
	s := serve(t)
	for _, bad := range []string{"x", "[]", `{"limit":1000}`, `{"sort":"payload"}`, `{"q":7}`} {
		viewer := s.dial(t, "/inspect/live", nil)
		viewer.Write(t.Context(), websocket.MessageText, []byte(bad))
		var err error
		for err == nil {
			_, _, err = viewer.Read(t.Context())
		}
		if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%s: %v", bad, err)
		}
	}
	until(t, "nothing is open", func() bool { return s.list(t, inspect.Query{}).Total == 0 })
}

// Of many connections a page is listed in a bounded time and size.
func TestManyConnections(t *testing.T) {
	reg, leave := crowd(20_000)
	defer leave()
	began := time.Now()
	page, err := reg.List(inspect.Query{Search: "room 1999", Sort: "-received", Limit: 200})
	if err != nil || page.Total != 20_000 || page.Matched != 12 || len(page.Connections) != 12 {
		t.Errorf("%d of %d, %v", page.Matched, page.Total, err)
	}
	t.Logf("a search among 20,000 took %v", time.Since(began))
	page, err = reg.List(inspect.Query{Sort: "-sent", Limit: 200, Offset: 20_000})
	if p, _ := json.Marshal(page); err != nil || page.Offset != 19_800 || len(page.Connections) != 200 || len(p) > 200<<10 {
		t.Errorf("%d from %d in %d bytes, %v", len(page.Connections), page.Offset, len(p), err)
	}
}
