package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/hub"
)

const (
	key      = "a-key-of-more-than-16-bytes"
	otherKey = "another-key-that-is-good-too"
)

// subject is a hub with its API.
type subject struct {
	t      *testing.T
	hub    *hub.Hub
	memory *hub.Memory
	http.Handler
	log   *strings.Builder
	keys  *Keys
	mu    sync.Mutex
	calls []string
}

func newSubject(t *testing.T, memory *hub.Memory) *subject {
	t.Helper()
	s := &subject{t: t, memory: memory, log: new(strings.Builder)}
	var err error
	s.hub, err = hub.New(hub.Options{
		Engine: memory,
		Namespaces: []hub.Namespace{
			{Name: "live", MaySubscribe: hub.Anyone},
			{Name: "log", History: hub.History{Size: 10, TTL: time.Hour}, Presence: hub.Presence{TTL: time.Minute}, MaySubscribe: hub.Anyone},
		},
		Name: "here", Version: "v1", MaxMessage: 1 << 10,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.hub.Close() })
	keys, err := NewKeys(otherKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s.keys = keys
	h, err := NewHandler(Options{Hub: s.hub, Keys: keys, Logger: slog.New(slog.NewTextHandler(s.log, nil)), Called: func(method string, code int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, fmt.Sprint(method, " ", code))
	}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/{method}", h)
	s.Handler = mux
	return s
}

// posts asks as a program does.
func (s *subject) posts(method, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/api/"+method, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", key)
	return s.answers(r)
}

func (s *subject) answers(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// results is the result of a call that has to be carried out.
func (s *subject) results(method, body string, result any) {
	s.t.Helper()
	w := s.posts(method, body)
	var told struct{ Result json.RawMessage }
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || w.Code != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, body, w.Code, w.Body)
	}
	if err := json.Unmarshal(told.Result, result); err != nil {
		s.t.Fatalf("%s %s: %s: %v", method, body, w.Body, err)
	}
}

// guest is a client that takes everything.
type guest struct {
	*hub.Client
	mu    sync.Mutex
	got   []string
	ended error
}

func (g *guest) TrySend(batch []*hub.Message) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range batch {
		switch m.Kind {
		case hub.Removed:
			g.got = append(g.got, "out of "+m.Channel)
		case hub.Data:
			g.got = append(g.got, fmt.Sprintf("%s %s %v", m.Key, m.Data, m.Binary))
		}
	}
	return len(batch), nil
}

func (g *guest) Send(_ context.Context, batch []*hub.Message) (int, error) { return g.TrySend(batch) }

func (g *guest) Close(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = why
}

// hears wants that to be all that came.
func (g *guest) hears(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.got, want) {
		t.Errorf("it heard %q, want %q", g.got, want)
	}
}

func (s *subject) visits(id, principal string, channels ...string) *guest {
	s.t.Helper()
	g := new(guest)
	var err error
	if g.Client, err = s.hub.Connect(g, &hub.ClientOptions{ID: id, Principal: principal, Info: []byte(`{"name":"` + id + `"}`)}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(g.Client.Close)
	for _, ch := range channels {
		if _, err := g.Join(s.t.Context(), ch, nil); err != nil {
			s.t.Fatal(err)
		}
	}
	return g
}

func TestWhoMayCall(t *testing.T) {
	s := newSubject(t, hub.NewMemory(nil))
	const body = `{"channel":"live:x","text":"hello"}`
	for _, tt := range []struct {
		why    string
		change func(r *http.Request)
		status int
		code   int
	}{
		{"as it should be", func(r *http.Request) {}, 200, 0},
		{"another key", func(r *http.Request) { r.Header.Set("X-API-Key", otherKey) }, 200, 0},
		{"the other field", func(r *http.Request) {
			r.Header.Del("X-API-Key")
			r.Header.Set("Authorization", "apikey "+key)
		}, 200, 0},
		{"in any case", func(r *http.Request) {
			r.Header.Del("X-API-Key")
			r.Header.Set("Authorization", "ApiKey  "+key)
		}, 200, 0},
		{"both", func(r *http.Request) { r.Header.Set("Authorization", "apikey "+key) }, 200, 0},
		{"of two, two", func(r *http.Request) { r.Header.Set("Authorization", "apikey "+otherKey) }, 401, 101},
		{"one twice", func(r *http.Request) { r.Header.Add("X-API-Key", "x") }, 401, 101},
		{"none", func(r *http.Request) { r.Header.Del("X-API-Key") }, 401, 101},
		{"an empty one", func(r *http.Request) { r.Header.Set("X-API-Key", "") }, 401, 101},
		{"another scheme", func(r *http.Request) {
			r.Header.Del("X-API-Key")
			r.Header.Set("Authorization", "Bearer "+key)
		}, 401, 101},
		{"only its beginning", func(r *http.Request) { r.Header.Set("X-API-Key", key[:len(key)-1]) }, 401, 101},
		{"more than it", func(r *http.Request) { r.Header.Set("X-API-Key", key+"x") }, 401, 101},
		{"in the URL", func(r *http.Request) {
			r.Header.Del("X-API-Key")
			r.URL.RawQuery = "api_key=" + key
		}, 401, 101},
		{"no method", func(r *http.Request) { r.URL.Path = "/api/fly" }, 404, 104},
		{"no method and no key", func(r *http.Request) { r.URL.Path = "/api/fly"; r.Header.Del("X-API-Key") }, 401, 101},
		{"GET", func(r *http.Request) { r.Method = "GET" }, 405, 107},
		{"as a form has it", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, 107},
		{"of no type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415, 107},
		{"with a charset", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200, 0},
	} {
		r := httptest.NewRequest("POST", "/api/publish", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-API-Key", key)
		tt.change(r)
		s.calls = nil
		published := s.hub.Stats().Published
		w := s.answers(r)
		var told struct {
			Result json.RawMessage
			Error  *Fault
		}
		if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v: %s", tt.why, err, w.Body)
			continue
		}
		code := 0
		if told.Error != nil {
			code = told.Error.Code
		}
		if w.Code != tt.status || code != tt.code || (told.Result != nil) != (code == 0) || code != 0 && told.Error.Message == "" {
			t.Errorf("%s: %d %s, want %d with %d", tt.why, w.Code, w.Body, tt.status, tt.code)
		}
		if did := s.hub.Stats().Published - published; (did == 1) != (code == 0) {
			t.Errorf("%s: %d messages were published", tt.why, did)
		}
		if (w.Header().Get("WWW-Authenticate") != "") != (tt.status == 401) || (w.Header().Get("Allow") != "") != (tt.status == 405) {
			t.Errorf("%s: the head is %v", tt.why, w.Header())
		}
		want := fmt.Sprint("publish ", tt.code)
		if strings.HasPrefix(tt.why, "no method") {
			want = fmt.Sprint("unknown ", tt.code)
		}
		if len(s.calls) != 1 || s.calls[0] != want {
			t.Errorf("%s: counted as %q, want %q", tt.why, s.calls, want)
		}
	}
	if strings.Contains(s.log.String(), key[:len(key)-1]) {
		t.Errorf("a key is in the log:\n%s", s.log)
	}
}

func TestBodies(t *testing.T) {
	s := newSubject(t, hub.NewMemory(nil))
	long := strings.Repeat("x", MaxBody)
	for _, tt := range []struct {
		body   string
		status int
		code   int
		says   string
	}{
		{``, 400, 107, "JSON"},
		{`x`, 400, 107, "JSON"},
		{`[]`, 400, 107, "JSON"},
		{`{"channel":"live:x"}`, 400, 107, "one of"},
		{`{"channel":"live:x","data":1,"text":"x"}`, 400, 107, "one of"},
		{`{"channel":"live:x","text":null}`, 400, 107, "one of"},
		{`{"channel":"live:x","data":1,"idempotencykey":"x"}`, 400, 107, "idempotencykey"},
		{`{"channel":"live:x","data":1}{}`, 400, 107, "nothing after"},
		{`{"channel":"live:x","data":1} x`, 400, 107, "nothing after"},
		{`{"channel":5,"data":1}`, 400, 107, "channel"},
		{"{\"channel\":\"live:x\",\"data\":\"\xff\"}", 400, 107, "UTF-8"},
		{`{"channel":"","data":1}`, 400, 107, "empty"},
		{`{"channel":"none:x","data":1}`, 404, 102, "namespace"},
		{`{"channel":"live:x","data":1,"idempotency_key":"k"}`, 400, 108, "history"},
		{`{"channel":"live:x","text":"` + strings.Repeat("x", 1025) + `"}`, 413, 106, "too long"},
		{`{"channel":"live:x","text":"` + long + `"}`, 413, 106, "1048576"},
		{`{"channel":"live:x","b64data":"%"}`, 400, 107, "JSON"},
		{`{"channel":"live:x","data":null}`, 200, 0, "result"},
		{" {\"channel\":\"live:x\",\n\"data\":\t{}}\n", 200, 0, "result"},
	} {
		w := s.posts("publish", tt.body)
		var told struct{ Error Fault }
		json.Unmarshal(w.Body.Bytes(), &told)
		if w.Code != tt.status || told.Error.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%.80q is answered with %d %s, want %d with %d and %q", tt.body, w.Code, w.Body, tt.status, tt.code, tt.says)
		}
	}
	if n := s.hub.Stats().Published; n != 2 {
		t.Errorf("%d messages were published", n)
	}
}

func TestPublish(t *testing.T) { synctest.Test(t, testPublish) }

func testPublish(t *testing.T) {
	s := newSubject(t, hub.NewMemory(nil))
	g := s.visits("g", "", "live:x", "log:x")
	var r, again struct {
		Offset    uint64
		Epoch     string
		Duplicate bool
	}
	s.results("publish", `{"channel":"live:x","data":{"n": [1, "é"]}}`, &r)
	if r.Offset != 0 || r.Epoch != "" {
		t.Errorf("of a live channel it is told %+v", r)
	}
	s.results("publish", `{"channel":"live:x","text":"{}\n","key":"k"}`, &r)
	s.results("publish", `{"channel":"live:x","b64data":"AP8="}`, &r)
	s.results("publish", `{"channel":"live:x","text":""}`, &r)
	s.results("publish", `{"channel":"log:x","data":1,"idempotency_key":"i"}`, &r)
	if r.Offset == 0 || r.Epoch == "" || r.Duplicate {
		t.Errorf("of a history it is told %+v", r)
	}
	s.results("publish", `{"channel":"log:x","data":1,"idempotency_key":"i"}`, &again)
	if again.Offset != r.Offset || !again.Duplicate {
		t.Errorf("of the retry it is told %+v", again)
	}
	g.hears(t, ` {"n": [1, "é"]} false`, "k {}\n false", " \x00\xff true", "  false", " 1 false")
}

func TestBroadcast(t *testing.T) { synctest.Test(t, testBroadcast) }

func testBroadcast(t *testing.T) {
	s := newSubject(t, hub.NewMemory(nil))
	g := s.visits("g", "", "live:x", "log:x")
	w := s.posts("broadcast", `{"channels":["live:x","none:x","log:x"],"data":1}`)
	var told struct {
		Result struct{ Responses []map[string]json.RawMessage }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || len(told.Result.Responses) != 3 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, want := range []string{`{}`, `"code":102`, `"offset":1`} {
		r := told.Result.Responses[i]
		if text := string(r["result"]) + string(r["error"]); len(r) != 1 || !strings.Contains(text, want) {
			t.Errorf("response %d is %s, want %s", i, text, want)
		}
	}
	g.hears(t, " 1 false", " 1 false")
	many, _ := json.Marshal(slices.Repeat([]string{"live:x"}, 1001))
	for _, body := range []string{`{"data":1}`, `{"channels":[],"data":1}`, `{"channels":["live:x"]}`, `{"data":1,"channels":` + string(many) + `}`} {
		if w := s.posts("broadcast", body); w.Code != 400 {
			t.Errorf("%.50s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestPresenceAndHistory(t *testing.T) {
	s := newSubject(t, hub.NewMemory(nil))
	s.visits("1", "ada", "log:x")
	s.visits("2", "ada", "log:x")
	var there struct {
		Presence map[string]struct {
			User, Client string
			Info         struct{ Name string } `json:"conn_info"`
		}
	}
	s.results("presence", `{"channel":"log:x"}`, &there)
	if len(there.Presence) != 2 || there.Presence["2"].User != "ada" || there.Presence["2"].Client != "2" || there.Presence["2"].Info.Name != "2" {
		t.Errorf("there are %+v", there)
	}
	var stats struct {
		Clients int `json:"num_clients"`
		Users   int `json:"num_users"`
	}
	s.results("presence_stats", `{"channel":"log:x"}`, &stats)
	if stats.Clients != 2 || stats.Users != 1 {
		t.Errorf("there are %+v", stats)
	}
	for _, method := range []string{"presence", "presence_stats", "history"} {
		if w := s.posts(method, `{"channel":"live:x"}`); w.Code != 400 || !strings.Contains(w.Body.String(), `"code":108`) {
			t.Errorf("%s of a channel without: %d %s", method, w.Code, w.Body)
		}
	}

	var r struct {
		Offset uint64
		Epoch  string
	}
	for i := range 12 {
		s.results("publish", fmt.Sprintf(`{"channel":"log:x","data":{"n":%d}}`, i), &r)
	}
	for _, tt := range []struct {
		ask      string
		want     []int
		complete bool
	}{
		{``, nil, false},
		{`,"limit":0`, nil, false},
		{`,"limit":3`, []int{2, 3, 4}, false},
		{`,"limit":-1`, []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, false},
		{`,"limit":2,"reverse":true`, []int{11, 10}, false},
		{`,"limit":-1,"since":{"offset":9,"epoch":"` + r.Epoch + `"}`, []int{9, 10, 11}, true},
		{`,"limit":1,"since":{"offset":9,"epoch":"` + r.Epoch + `"}`, []int{9}, false},
		{`,"limit":-1,"since":{"offset":9,"epoch":"other"}`, nil, false},
		{`,"limit":9,"reverse":true,"since":{"offset":5,"epoch":"` + r.Epoch + `"}`, []int{3, 2}, false},
	} {
		var past struct {
			Publications []struct {
				Data   struct{ N int }
				Offset uint64
			}
			Offset   uint64
			Epoch    string
			Complete bool
		}
		s.results("history", `{"channel":"log:x"`+tt.ask+`}`, &past)
		var got []int
		for _, p := range past.Publications {
			got = append(got, p.Data.N)
			if p.Offset != uint64(p.Data.N+1) {
				t.Errorf("%s: publication %d has the offset %d", tt.ask, p.Data.N, p.Offset)
			}
		}
		if !slices.Equal(got, tt.want) || past.Offset != r.Offset || past.Epoch != r.Epoch || past.Publications == nil {
			t.Errorf("%s: %v up to %d, want %v", tt.ask, got, past.Offset, tt.want)
		}
		if past.Complete != tt.complete && strings.Contains(tt.ask, "since") && !strings.Contains(tt.ask, "reverse") {
			t.Errorf("%s: complete: %v", tt.ask, past.Complete)
		}
	}
	h, err := NewHandler(Options{Hub: s.hub, Keys: s.keys, MaxHistory: 3})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := h.history(t.Context(), &historyRequest{Channel: "log:x", Limit: -1}); err != nil || len(result.(past).Publications) != 3 {
		t.Errorf("of a history bounded to 3: %+v, %v", result, err)
	}
	for _, limit := range []string{"-2", "1001"} {
		if w := s.posts("history", `{"channel":"log:x","limit":`+limit+`}`); w.Code != 400 {
			t.Errorf("limit %s: %d %s", limit, w.Code, w.Body)
		}
	}
}

func TestDisconnectAndUnsubscribe(t *testing.T) { synctest.Test(t, testDisconnectAndUnsubscribe) }

func testDisconnectAndUnsubscribe(t *testing.T) {
	memory := hub.NewMemory(nil)
	here, there := newSubject(t, memory), newSubject(t, memory)
	a := here.visits("1", "ada", "log:x")
	b := there.visits("2", "ada", "log:x", "live:x")
	var n struct {
		Clients int
		Silent  *int `json:"silent_nodes"`
	}
	here.results("unsubscribe", `{"user":"ada","client":"2","channel":"log:x"}`, &n)
	if n.Clients != 1 || n.Silent != nil {
		t.Errorf("unsubscribed are %+v", n)
	}
	b.hears(t, "out of log:x")
	if got := b.Channels(); !slices.Equal(got, []string{"live:x"}) {
		t.Errorf("it is in %q", got)
	}
	here.results("disconnect", `{"user":"ada","disconnect":{"code":4000,"reason":"enough"}}`, &n)
	if n.Clients != 2 {
		t.Errorf("disconnected are %+v", n)
	}
	for _, g := range []*guest{a, b} {
		var why *hub.DisconnectError
		if err := g.Err(); !errors.As(err, &why) || why.Code != 4000 || why.Reason != "enough" {
			t.Errorf("it was ended with %v", err)
		}
	}
	for method, bodies := range map[string][]string{
		"disconnect":  {`{}`, `{"user":"","client":""}`, `{"user":"ada","disconnect":{"code":1000}}`, `{"user":"ada","disconnect":{"code":66536}}`},
		"unsubscribe": {`{"channel":"log:x"}`, `{"user":"ada"}`},
	} {
		for _, body := range bodies {
			if w := here.posts(method, body); w.Code != 400 || !strings.Contains(w.Body.String(), `"code":107`) {
				t.Errorf("%s %s: %d %s", method, body, w.Code, w.Body)
			}
		}
	}
}

func TestChannelsAndNodes(t *testing.T) { synctest.Test(t, testChannelsAndNodes) }

func testChannelsAndNodes(t *testing.T) {
	memory := hub.NewMemory(nil)
	here, there := newSubject(t, memory), newSubject(t, memory)
	here.visits("1", "", "log:a", "live:b")
	there.visits("2", "", "log:a", "log:c")
	var list struct {
		Channels map[string]struct {
			Clients int `json:"num_clients"`
		}
		Next string
	}
	here.results("channels", `{}`, &list)
	if got := slices.Sorted(maps.Keys(list.Channels)); !slices.Equal(got, []string{"live:b", "log:a", "log:c"}) || list.Channels["log:a"].Clients != 2 || list.Next != "" {
		t.Errorf("the channels are %+v", list)
	}
	list.Channels = nil
	here.results("channels", `{"pattern":"log:*","limit":1}`, &list)
	if len(list.Channels) != 1 || list.Next != "log:a" {
		t.Errorf("the first page is %+v", list)
	}
	list.Channels, list.Next = nil, ""
	here.results("channels", `{"pattern":"log:*","limit":1,"after":"log:a"}`, &list)
	if len(list.Channels) != 1 || list.Channels["log:c"].Clients != 1 || list.Next != "" {
		t.Errorf("the next page is %+v", list)
	}
	for _, limit := range []string{"-1", "1001"} {
		if w := here.posts("channels", `{"limit":`+limit+`}`); w.Code != 400 {
			t.Errorf("limit %s: %d %s", limit, w.Code, w.Body)
		}
	}
	time.Sleep(time.Minute)
	for _, method := range []string{"info", "nodes"} {
		var nodes struct {
			Nodes []struct {
				UID, Name, Version string
				Uptime             float64
				Clients            int `json:"num_clients"`
				Channels           int `json:"num_channels"`
				Subs               int `json:"num_subs"`
			}
		}
		here.results(method, `{}`, &nodes)
		if len(nodes.Nodes) != 2 || nodes.Nodes[0].UID != here.hub.Node().ID || nodes.Nodes[0].Name != "here" || nodes.Nodes[0].Version != "v1" ||
			nodes.Nodes[0].Uptime != 60 || nodes.Nodes[1].Clients != 1 || nodes.Nodes[1].Channels != 2 || nodes.Nodes[1].Subs != 2 {
			t.Errorf("the nodes are %+v", nodes)
		}
	}
}

func TestAnEngineThatIsAway(t *testing.T) {
	s := newSubject(t, hub.NewMemory(nil))
	g := s.visits("1", "ada", "live:x")
	mend := s.memory.Cut()
	for method, body := range map[string]string{
		"publish":    `{"channel":"log:x","data":1}`,
		"history":    `{"channel":"log:x","limit":1}`,
		"presence":   `{"channel":"log:x"}`,
		"disconnect": `{"user":"ada"}`,
		"nodes":      `{}`,
	} {
		w := s.posts(method, body)
		var told struct{ Error Fault }
		json.Unmarshal(w.Body.Bytes(), &told)
		if w.Code != 503 || told.Error.Code != 100 || !told.Error.Temporary || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	if g.Err() == nil {
		t.Error("the client of this node was not disconnected")
	}
	mend()
}

// failing is an engine with a fault that is nobody's to know, in every channel but
// live:well.
type failing struct{ hub.Engine }
type failingLink struct{ hub.Link }

func (f failing) Open(r hub.Receiver, ns []hub.Namespace) (hub.Link, error) {
	l, err := f.Engine.Open(r, ns)
	return failingLink{l}, err
}

func (l failingLink) Publish(ctx context.Context, ch hub.Channel, m *hub.Message, key string) (hub.Receipt, error) {
	if ch.Name == "live:well" {
		return l.Link.Publish(ctx, ch, m, key)
	}
	return hub.Receipt{}, errors.New("disk 7 of rack 12 is full")
}

func (failingLink) Ask(context.Context, []byte) ([][]byte, int, error) { return nil, 2, nil }

func TestFaultsThatAreOurs(t *testing.T) {
	h, err := hub.New(hub.Options{Engine: failing{hub.NewMemory(nil)}, Namespaces: []hub.Namespace{{Name: "live"}}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	keys, _ := NewKeys(key)
	s := &subject{t: t, hub: h, log: new(strings.Builder)}
	api, err := NewHandler(Options{Hub: h, Keys: keys, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/{method}", api)
	s.Handler = mux
	const internal = `{"error":{"code":100,"message":"internal error"}}`
	if w := s.posts("publish", `{"channel":"live:x","data":1}`); w.Code != 500 || w.Body.String() != internal+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// What happens in one channel keeps it from no other.
	if w := s.posts("broadcast", `{"channels":["live:x","live:well"],"data":1}`); w.Code != 200 || w.Body.String() != `{"result":{"responses":[`+internal+`,{"result":{}}]}}`+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := h.Stats().Published; n != 1 {
		t.Errorf("published %d messages", n)
	}
	if n := strings.Count(s.log.String(), "rack 12"); n != 2 {
		t.Errorf("the log has it %d times", n)
	}
	for _, method := range []string{"nodes", "channels", "disconnect"} {
		w := s.posts(method, `{"user":"x"}`)
		if method != "disconnect" {
			w = s.posts(method, `{}`)
		}
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"silent_nodes":2`) {
			t.Errorf("%s, and two nodes are silent: %d %s", method, w.Code, w.Body)
		}
	}
}

func TestKeys(t *testing.T) {
	k, err := ReadKeys(strings.NewReader("# keys\n\n  " + key + "  \r\n" + otherKey))
	if err != nil || k.Len() != 2 || !k.has(key) || !k.has(otherKey) || k.has("# keys") || k.has("") || k.has(key+" ") {
		t.Errorf("read as %v, %v", k, err)
	}
	for _, text := range []string{"short", "with a space in the middle", "w\x00th-a-control-char", "not-ascii-é-but-long-enough", strings.Repeat("x", maxKey+1), strings.Repeat(key+"\n", maxKeys+1), strings.Repeat("# none\n", (maxKeyFile-20)/7) + key + key} {
		if k, err := ReadKeys(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q are %d keys", text, k.Len())
		} else if strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), key) {
			t.Errorf("the error tells the key: %v", err)
		}
	}
	if _, err := ReadKeys(io.MultiReader(strings.NewReader(key), errReader{})); err == nil {
		t.Error("a file that cannot be read has keys")
	}
	empty, err := ReadKeys(strings.NewReader(""))
	if err != nil || empty.Len() != 0 {
		t.Errorf("an empty file has %d keys, %v", empty.Len(), err)
	}
	h := newSubject(t, hub.NewMemory(nil)).hub
	for _, opts := range []Options{{}, {Hub: h}, {Hub: h, Keys: empty}, {Keys: k}} {
		if _, err := NewHandler(opts); err == nil {
			t.Errorf("%+v make an API", opts)
		}
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("no") }
