package server_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

var quiet = slog.New(slog.DiscardHandler)

// namespaces are those of the tests' hubs.
func namespaces() []hub.Namespace {
	return []hub.Namespace{
		{Name: "demo", MaySubscribe: hub.Anyone, MayPublish: hub.Anyone},
		{
			Name:         "room",
			History:      hub.History{Size: 100, TTL: time.Hour},
			Presence:     hub.Presence{TTL: time.Minute, Announce: true},
			MaySubscribe: hub.Anyone,
			MayPublish:   hub.Anyone,
		},
		{Name: "kept", History: hub.History{Size: 5, TTL: time.Hour}, MaySubscribe: hub.Anyone},
		{Name: "shut", History: hub.History{Size: 5, TTL: time.Hour}},
		{Name: "own", Presence: hub.Presence{TTL: time.Minute}, MaySubscribe: hub.Anyone},
		{Name: "full", MaySubscribe: hub.Anyone, MaxMembers: 1},
	}
}

// node is a hub with its server, in a bubble.
type node struct {
	t      *testing.T
	engine *hub.Memory
	hub    *hub.Hub
	server *server.Server
	closed chan int // the codes of connections that have ended
}

// newNode has an engine of its own. change may change the options.
func newNode(t *testing.T, change func(*server.Options)) *node {
	t.Helper()
	n := &node{t: t, engine: hub.NewMemory(nil), closed: make(chan int, 100)}
	var err error
	n.hub, err = hub.New(hub.Options{Engine: n.engine, Namespaces: namespaces(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	opts := server.Options{
		Hub:    n.hub,
		Tokens: tokens{},
		Open:   []string{"demo", "room", "kept", "shut", "full", "none"},
		Hooks:  server.Hooks{Closed: func(_ server.Transport, code int) { n.closed <- code }},
	}
	opts.WebSocket.Logger = quiet
	if change != nil {
		change(&opts)
	}
	if n.server, err = server.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.hub.Close() })
	return n
}

// tokens are as the tests want them: words of the form key=value, with _ between them.
type tokens struct{}

var errToken = errors.New("no such token")

func (tokens) read(token string) (values map[string]string, expires time.Time, err error) {
	values = map[string]string{}
	for word := range strings.SplitSeq(token, "_") {
		key, value, _ := strings.Cut(word, "=")
		values[key] = value
	}
	if d, err := time.ParseDuration(values["slow"]); err == nil {
		time.Sleep(d)
	}
	switch values["is"] {
	case "bad":
		return nil, expires, errToken
	case "old":
		return nil, expires, server.ErrTokenExpired
	case "away":
		return nil, expires, server.ErrTokensAway
	}
	if d, err := time.ParseDuration(values["for"]); err == nil {
		expires = time.Now().Add(d)
	}
	return values, expires, nil
}

func (k tokens) Connection(_ context.Context, token string) (*server.Connection, error) {
	v, expires, err := k.read(token)
	if err != nil {
		return nil, err
	}
	if v["channel"] != "" {
		return nil, errToken
	}
	c := &server.Connection{Principal: v["sub"], Expires: expires, Namespaces: split(v["ns"]), Channels: split(v["channels"])}
	if v["info"] != "" {
		c.Info = []byte(v["info"])
	}
	return c, nil
}

func (k tokens) Subscription(_ context.Context, token string) (*server.Subscription, error) {
	v, expires, err := k.read(token)
	if err != nil {
		return nil, err
	}
	if v["channel"] == "" {
		return nil, errToken
	}
	s := &server.Subscription{Principal: v["sub"], Channel: v["channel"], Client: v["client"], Expires: expires}
	if v["info"] != "" {
		s.Info = []byte(v["info"])
	}
	return s, nil
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// client is a connection's far end.
type client struct {
	t    *testing.T
	conn *websocket.Conn
	id   string
}

// dial opens a connection on which nothing was said yet.
func (n *node) dial() *client {
	c, far := websocket.Pipe(&websocket.Options{Logger: quiet, PingInterval: -1, WriteTimeout: -1}, n.server.ConnOptions())
	go n.server.Serve(far) // ends with the connection
	n.t.Cleanup(func() { c.CloseNow() })
	return &client{t: n.t, conn: c}
}

// connect is dial, and a connect command with the token.
func (n *node) connect(token string) *client {
	n.t.Helper()
	c := n.dial()
	c.say(`{"id":1,"connect":{"token":"` + token + `"}}`)
	c.id = c.learn()
	return c
}

// say sends lines as one message.
func (c *client) say(lines ...string) {
	c.t.Helper()
	if err := c.conn.Write(ctx, websocket.MessageText, []byte(strings.Join(lines, "\n"))); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads one message.
func (c *client) hear() string {
	c.t.Helper()
	typ, p, err := c.conn.Read(ctx)
	if err != nil || typ != websocket.MessageText {
		c.t.Fatalf("got %v %q, %v", typ, p, err)
	}
	return string(p)
}

var connected = regexp.MustCompile(`"client":"([A-Z2-7]+)"`)

// learn reads the answer to a connect command for the client's ID.
func (c *client) learn() string {
	c.t.Helper()
	got := c.hear()
	m := connected.FindStringSubmatch(got)
	if m == nil {
		c.t.Fatalf("no client in %s", got)
	}
	return m[1]
}

var epochs = regexp.MustCompile(`"epoch":"[^"]+"`)

// want reads lines, in however many messages, and compares them. ID stands for the
// client's, and EPOCH for any epoch.
func (c *client) want(lines ...string) {
	c.t.Helper()
	var got []string
	for len(got) < len(lines) {
		got = append(got, strings.Split(c.hear(), "\n")...)
	}
	if len(got) > len(lines) {
		c.t.Fatalf("got more: %q", got)
	}
	for i, want := range lines {
		line := epochs.ReplaceAllString(got[i], `"epoch":"EPOCH"`)
		if c.id != "" {
			line = strings.ReplaceAll(line, c.id, "ID")
		}
		if line != want {
			c.t.Errorf("got  %s\nwant %s", line, want)
		}
	}
}

// talk says a line and wants others.
func (c *client) talk(line string, want ...string) {
	c.t.Helper()
	c.say(line)
	c.want(want...)
}

// wantClose reads the end.
func (c *client) wantClose(code int, reason string) {
	c.t.Helper()
	_, p, err := c.conn.Read(ctx)
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || int(closed.Code) != code || closed.Reason != reason {
		c.t.Errorf("got %q, %v; want the close code %d %q", p, err, code, reason)
	}
}

// silent wants nothing to come.
func (c *client) silent() {
	c.t.Helper()
	synctest.Wait()
	limited, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	if _, p, err := c.conn.Read(limited); err == nil {
		c.t.Errorf("got %s, want silence", p)
	}
}

// bubble runs a test in a bubble, where time passes when everybody waits.
func bubble(f func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}
