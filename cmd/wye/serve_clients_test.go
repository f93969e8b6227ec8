package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wye-org/wye/websocket"
)

// protocolClient speaks the client protocol.
type protocolClient struct {
	t    testing.TB
	conn *websocket.Conn
	id   int
}

func dialProtocol(t testing.TB, url string, header http.Header) *protocolClient {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url+"/connection/websocket", &websocket.DialOptions{Header: header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return &protocolClient{t: t, conn: conn}
}

// asks sends a command and returns what comes up to its reply, in one text.
func (c *protocolClient) asks(command, params string) string {
	c.t.Helper()
	c.id++
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"id":%d,%q:%s}`, c.id, command, params)); err != nil {
		c.t.Fatal(err)
	}
	var all strings.Builder
	for {
		_, p, err := c.conn.Read(c.t.Context())
		if err != nil {
			c.t.Fatalf("%s: %v after %s", command, err, all.String())
		}
		all.Write(p)
		for line := range strings.Lines(string(p)) {
			var r struct{ ID int }
			if json.Unmarshal([]byte(line), &r) == nil && r.ID == c.id {
				return all.String()
			}
		}
	}
}

// postAPI calls the API.
func postAPI(t testing.TB, base, method, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/api/"+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", testAPIKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	p, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(p)
}

func getStatus(t testing.TB, url string, header http.Header) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestTheHubsClients(t *testing.T) {
	server, admin := startHub(t)
	c := dialProtocol(t, server.url, nil)
	for _, step := range []struct{ command, params, want string }{
		{"connect", `{}`, `"client":`},
		{"subscribe", `{"channel":"demo:x"}`, `"recoverable":true`},
		{"publish", `{"channel":"demo:x","data":{"n":1}}`, `"publish":{}`},
		{"presence", `{"channel":"demo:x"}`, `"presence":{"`},
		{"subscribe", `{"channel":"orders:x"}`, `"code":103`},
		{"subscribe", `{"channel":"lease:ticker"}`, `"code":103`},
		{"subscribe", `{"channel":"game-input:lobby"}`, `"code":103`},
		{"subscribe", `{"channel":"chat:lobby"}`, `"code":103`},
	} {
		if got := c.asks(step.command, step.params); !strings.Contains(got, step.want) {
			t.Errorf("%s %s: %s, want %s", step.command, step.params, got, step.want)
		}
	}
	known := dialProtocol(t, server.url, nil)
	token := signed(t, jwt.MapClaims{"sub": "ada", "namespaces": []string{"orders", "lease", "game-input"}})
	for _, step := range []struct{ command, params, want string }{
		{"connect", `{"token":"` + token + `"}`, `"client":`},
		{"subscribe", `{"channel":"orders:x"}`, `"subscribe":{`},
		{"publish", `{"channel":"orders:x","data":1}`, `"publish":{}`},
		{"subscribe", `{"channel":"tokens:x"}`, `"code":103`},
		{"publish", `{"channel":"tokens:x","data":1}`, `"code":103`},
		{"subscribe", `{"channel":"live:x"}`, `"code":103`},
		// Not even who has a token for these reads what the servers tell each other.
		{"subscribe", `{"channel":"lease:ticker"}`, `"code":103`},
		{"subscribe", `{"channel":"game-input:lobby"}`, `"code":103`},
		{"publish", `{"channel":"lease:ticker","data":1}`, `"code":103`},
	} {
		if got := known.asks(step.command, step.params); !strings.Contains(got, step.want) {
			t.Errorf("with a token, %s %s: %s, want %s", step.command, step.params, got, step.want)
		}
	}
	// What the API does, clients see.
	if status, answer := postAPI(t, "http://"+admin, "publish", `{"channel":"orders:x","data":{"by":"api"}}`); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
	if got := known.asks("ping", `{}`); !strings.Contains(got, `{"by":"api"}`) {
		t.Errorf("it was told %s", got)
	}
	if _, answer := postAPI(t, "http://"+admin, "unsubscribe", `{"user":"ada","channel":"orders:x"}`); !strings.Contains(answer, `"clients":1`) {
		t.Error(answer)
	}
	if got := known.asks("ping", `{}`); !strings.Contains(got, `"unsubscribe":`) {
		t.Errorf("it was told %s", got)
	}
	if _, answer := postAPI(t, "http://"+admin, "disconnect", `{"user":"ada","disconnect":{"code":4321,"reason":"enough"}}`); !strings.Contains(answer, `"clients":1`) {
		t.Error(answer)
	}
	if _, _, err := known.conn.Read(t.Context()); websocket.CloseStatus(err) != 4321 {
		t.Errorf("it ended with %v, want 4321", err)
	}
	if _, answer := postAPI(t, "http://"+admin, "info", `{}`); !strings.Contains(answer, `"num_clients":1`) {
		t.Error(answer)
	}
	// And all of it is counted.
	text := httpGet(t, "http://"+admin+"/metrics")
	for _, want := range []string{
		`wye_client_connections_opened_total{transport="websocket"} 2`,
		`wye_client_commands_total{code="103",command="subscribe"} `,
		`wye_api_calls_total{code="0",method="publish"} 1`,
		`wye_hub_ended_total{reason="program"} 1`,
		`wye_hub_engine_up 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

// Where the hub's doors are, and for whom.
func TestWhereTheHubIs(t *testing.T) {
	tokens, key := tokenFile(t, "ada:s3same"), written(t, testAPIKey)
	bearer := http.Header{"Authorization": {"Bearer s3same"}}
	for _, tt := range []struct {
		about         string
		args          []string
		header        http.Header
		events, other int // the status of the demo's events, and of an order's
		api           int // of the API on the main listener, with a key
	}{
		{"on loopback", nil, nil, 200, 401, 404},
		{"with a key", []string{"--api-key-file", key}, nil, 200, 401, 200},
		{"with a key, behind a proxy", []string{"--api-key-file", key, "--trusted-proxy", "127.0.0.1", "--admin", "127.0.0.1:0"}, nil, 200, 401, 404},
		{"in public", []string{"--public", "--api-key-file", key, "--admin", "127.0.0.1:0"}, nil, 200, 401, 404},
		{"where tokens are asked for", []string{"--token-file", tokens}, nil, 401, 401, 404},
		{"with a token", []string{"--token-file", tokens, "--api-key-file", key, "--admin", "127.0.0.1:0"}, bearer, 200, 200, 404},
	} {
		t.Run(tt.about, func(t *testing.T) {
			server := start(t, append(tt.args, "--namespace", "orders", "--drain", "0s")...)
			if got := getStatus(t, server.url+"/sse/demo:x", tt.header); got != tt.events {
				t.Errorf("the demo's events: %d, want %d", got, tt.events)
			}
			if got := getStatus(t, server.url+"/sse/orders:x", tt.header); got != tt.other {
				t.Errorf("an order's events: %d, want %d", got, tt.other)
			}
			if got, _ := postAPI(t, server.url, "info", "{}"); got != tt.api {
				t.Errorf("the API: %d, want %d", got, tt.api)
			}
		})
	}
	// No page of another site, and nothing that came through a proxy.
	server := start(t, "--api-key-file", key)
	for field, value := range map[string]string{"Via": "1.1 proxy", "X-Forwarded-For": "203.0.113.9"} {
		r, _ := http.NewRequest("POST", server.url+"/api/info", strings.NewReader("{}"))
		r.Header.Set("X-API-Key", testAPIKey)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(field, value)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 403 {
			t.Errorf("with %s: %d, want 403", field, resp.StatusCode)
		}
	}
}

func TestHubFlagsThatContradict(t *testing.T) {
	key := written(t, testAPIKey)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--public", "--api-key-file", key}, "add that, such as --admin"},
		{[]string{"--api-key-file", written(t, "# none\n")}, "it has no keys"},
		{[]string{"--api-key-file", written(t, "short")}, "want 16"},
		{[]string{"--api-key-file", key + "x"}, "--api-key-file"},
		{[]string{"--jwt-key-file", key}, "--jwt-audience"},
		{[]string{"--jwt-audience", "x"}, "add --jwt-key-file or --jwt-jwks"},
		{[]string{"--jwt-key-file", key + "x", "--jwt-audience", "x"}, "--jwt-key-file"},
		{[]string{"--jwt-jwks", "http://example.com/keys", "--jwt-audience", "x"}, "--jwt-jwks"},
		{[]string{"--namespace", "demo"}, "the server's own"},
		{[]string{"--namespace", "Bad"}, "Bad"},
		{[]string{"--namespace", "a,history=1/1h,slow=conflate"}, "loses nothing"},
	} {
		var stderr strings.Builder
		code := run(t.Context(), append([]string{"serve", "--listen", "127.0.0.1:0"}, tt.args...), stdio{strings.NewReader(""), io.Discard, &stderr})
		if code != exitUsage || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%q: exit code %d, %s; want %s", tt.args, code, &stderr, tt.want)
		}
	}
}

// The key may be in the environment, too.
func TestTheKeyInTheEnvironment(t *testing.T) {
	t.Setenv(apiKeyVar, testAPIKey)
	server := start(t)
	if got, answer := postAPI(t, server.url, "info", "{}"); got != 200 {
		t.Errorf("%d %s", got, answer)
	}
	public := start(t, "--public")
	if got, _ := postAPI(t, public.url, "info", "{}"); got != 404 {
		t.Errorf("in public it is answered with %d", got)
	}
	t.Setenv(apiKeyVar, "short")
	var stderr strings.Builder
	if code := run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0"}, stdio{strings.NewReader(""), io.Discard, &stderr}); code != exitUsage || !strings.Contains(stderr.String(), apiKeyVar) {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}

// A drain says goodbye to the hub's clients too, in a way that has SDKs come back.
func TestDrainOfTheHubsClients(t *testing.T) {
	server, _ := startHub(t, "--drain", "50ms")
	c := dialProtocol(t, server.url, nil)
	c.asks("connect", `{}`)
	resp, err := http.Get(server.url + "/sse/demo:x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	server.stop()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "event: disconnected\n") {
		t.Errorf("the events end with %v:\n%s", err, body)
	}
	for {
		_, _, err = c.conn.Read(t.Context())
		if err != nil {
			break
		}
	}
	if code := websocket.CloseStatus(err); code != 3001 && code != websocket.StatusServiceRestart {
		t.Errorf("the client's connection ends with %v", err)
	}
	if code := <-server.exit; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	server.log.until(t, "clean=2 forced=0 lost=0")
}

// Neither the API's key nor a client's token gets into anything that is told, whichever
// way it came.
func TestSecretsOfTheHub(t *testing.T) {
	server, admin := startHub(t, "-v", "--drain", "0s")
	const canary = "c4n4ryK3yOfNobody"
	token := signed(t, jwt.MapClaims{"sub": "ada", "namespaces": []string{"orders"}, "info": map[string]string{"name": "Ada"}})
	payload := strings.Split(token, ".")[1]
	var told strings.Builder
	for _, base := range []string{server.url, "http://" + admin} {
		for _, header := range []http.Header{
			{"X-Api-Key": {canary}}, {"Authorization": {"apikey " + canary}}, {"X-Api-Key": {testAPIKey}}, {"Authorization": {"apikey " + testAPIKey, "apikey " + canary}},
			{"Authorization": {"Bearer " + token}}, {"Authorization": {"Bearer " + token + canary}}, {"Cookie": {"token=" + token}},
		} {
			for _, path := range []string{"/api/publish", "/api/fly", "/api/info?api_key=" + canary, "/sse/none:x", "/sse/demo:x?since=bad", "/sse/orders:x?token=" + token + "x"} {
				r, _ := http.NewRequest("POST", base+path, strings.NewReader(`{"channel":`))
				if strings.HasPrefix(path, "/sse/") {
					r, _ = http.NewRequest("GET", base+path, nil)
				}
				for name, values := range header {
					r.Header[name] = values
				}
				r.Header.Set("Content-Type", "application/json")
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != 200 {
					resp.Write(&told)
				}
				resp.Body.Close()
			}
		}
	}
	c := dialProtocol(t, server.url, nil)
	told.WriteString(c.asks("connect", `{"token":"`+token+`"}`))
	told.WriteString(c.asks("subscribe", `{"channel":"orders:x","token":"`+token+canary+`"}`))
	bad := dialProtocol(t, server.url, nil)
	for client, command := range map[*protocolClient]string{c: "refresh", bad: "connect"} {
		client.conn.Write(t.Context(), websocket.MessageText, []byte(`{"id":9,"`+command+`":{"token":"`+token+canary+`"}}`))
		_, p, err := client.conn.Read(t.Context())
		fmt.Fprintf(&told, "%s %v", p, err)
	}
	told.WriteString(everythingAdmin(t, admin))
	server.stop()
	<-server.exit
	told.WriteString(server.log.String())
	for _, secret := range []string{canary, testAPIKey, payload} {
		if i := strings.Index(told.String(), secret); i >= 0 {
			t.Errorf("%.12s… is told:\n%s", secret, told.String()[max(0, i-300):min(told.Len(), i+100)])
		}
	}
}
