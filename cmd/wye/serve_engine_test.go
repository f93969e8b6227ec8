package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/wye-org/wye/websocket"
)

// startNATS runs a NATS server with JetStream, and returns its URL.
func startNATS(t testing.TB) string {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(rawPatience) {
		t.Fatal("NATS is not ready")
	}
	return s.ClientURL()
}

// startTwo runs two servers that share an engine.
func startTwo(t testing.TB, args ...string) (servers [2]*running) {
	t.Helper()
	url := startNATS(t)
	for i, name := range []string{"one", "two"} {
		servers[i] = start(t, append(args, "--engine", "nats", "--nats", url, "--nats-buckets", "2", "--node", name, "--drain", "0s")...)
	}
	return servers
}

func TestEngineFlagsThatContradict(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--engine", "redis"}, "want memory or nats"},
		{[]string{"--engine", "nats"}, "add --nats"},
		{[]string{"--nats", "nats://127.0.0.1:1"}, "--engine nats: add that"},
		{[]string{"--nats-creds", "x"}, "--engine nats: add that"},
		{[]string{"--nats-replicas", "3"}, "add one of them"},
		{[]string{"--nats-buckets", "3"}, "add one of them"},
		{[]string{"--engine", "nats", "--nats", "nats://127.0.0.1:1", "--nats-replicas", "2"}, "want 1, 3 or 5"},
		{[]string{"--engine", "nats", "--nats", "nats://127.0.0.1:1", "--nats-creds", "/nosuch"}, "nosuch"},
		{[]string{"--cluster"}, "add --data"},
		{[]string{"--cluster", "--engine", "nats", "--nats", "x"}, "leave --engine out"},
		{[]string{"--data", "x"}, "for --cluster"},
		{[]string{"--cluster-listen", "127.0.0.1:0"}, "for --cluster"},
		{[]string{"--cluster-routes", "127.0.0.1:0"}, "for --cluster"},
		{[]string{"--cluster-secret-file", "x"}, "for --cluster"},
		{[]string{"--cluster", "--data", t.TempDir(), "--cluster-listen", "127.0.0.1:0"}, "needs both"},
		{[]string{"--cluster", "--data", t.TempDir(), "--cluster-secret-file", "x"}, "add --cluster-listen"},
		{[]string{"--cluster", "--data", t.TempDir(), "--cluster-listen", "127.0.0.1:0", "--cluster-routes", "127.0.0.1:1", "--cluster-secret-file", "/nosuch"}, "nosuch"},
		{[]string{"--cluster", "--data", t.TempDir(), "--cluster-listen", "127.0.0.1:0", "--cluster-routes", "127.0.0.1:1", "--cluster-secret-file", written(t, "short")}, "32"},
		{[]string{"--cluster", "--data", t.TempDir(), "--cluster-listen", "0.0.0.0:0", "--cluster-routes", "192.0.2.1:1"}, "secret"},
	} {
		var stderr strings.Builder
		code := run(t.Context(), append([]string{"serve", "--listen", "127.0.0.1:0"}, tt.args...), stdio{strings.NewReader(""), io.Discard, &stderr})
		if code == exitOK || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%q: exit code %d, %s; want %s", tt.args, code, &stderr, tt.want)
		}
	}
}

// A server with an engine of its own on the disk remembers.
func TestAClusterOfOne(t *testing.T) {
	data := t.TempDir()
	for i, want := range []string{"", "from before"} {
		server := start(t, "--cluster", "--data", data, "--api-key-file", written(t, testAPIKey), "--drain", "0s")
		var out strings.Builder
		if i == 0 {
			if status, answer := postAPI(t, server.url, "publish", `{"channel":"demo:x","text":"from before"}`); status != http.StatusOK {
				t.Fatalf("%d %s", status, answer)
			}
		} else if code := run(t.Context(), []string{"subscribe", "--server", server.url, "--last", "1", "-n", "1", "demo:x"}, stdio{strings.NewReader(""), &out, io.Discard}); code != exitOK || out.String() != want+"\n" {
			t.Errorf("exit code %d, %q", code, &out)
		}
		server.stop()
		if code := <-server.exit; code != exitOK {
			t.Errorf("exit code %d", code)
		}
	}
}

// socketTo is a WebSocket to a scenario.
func socketTo(t testing.TB, server *running, path string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), server.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// until reads messages up to one that is as wanted.
func until(t testing.TB, conn *websocket.Conn, what string, good func(p []byte) bool) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rawPatience)
	defer cancel()
	for {
		_, p, err := conn.Read(ctx)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if good(p) {
			return p
		}
	}
}

func has(text string) func([]byte) bool {
	return func(p []byte) bool { return strings.Contains(string(p), text) }
}

func sayTo(t testing.TB, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Two servers on one NATS are one to those who use them.
func TestTwoServers(t *testing.T) {
	servers := startTwo(t, "--api-key-file", written(t, testAPIKey))

	t.Run("chat", func(t *testing.T) {
		ada, bob := socketTo(t, servers[0], "/api/chat/room/lobby"), socketTo(t, servers[1], "/api/chat/room/lobby")
		sayTo(t, ada, `{"type":"join","name":"Ada"}`)
		until(t, ada, "a welcome", has(`"welcome"`))
		sayTo(t, bob, `{"type":"join","name":"Bob"}`)
		until(t, bob, "a welcome with Ada", has(`"Ada"`))
		until(t, ada, "Bob joins", has(`"joined"`))
		sayTo(t, bob, `{"type":"say","text":"from the other server"}`)
		until(t, ada, "Bob's words", has("from the other server"))
		eve := socketTo(t, servers[0], "/api/chat/room/lobby")
		sayTo(t, eve, `{"type":"join","name":"Eve"}`)
		until(t, eve, "the history", has("from the other server"))
	})
	t.Run("rooms", func(t *testing.T) {
		a, b := socketTo(t, servers[0], "/ws/lobby"), socketTo(t, servers[1], "/ws/lobby")
		// b may not be in the room yet when a speaks.
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() { // ends with stop
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
					a.Write(t.Context(), websocket.MessageText, []byte("hello"))
				}
			}
		}()
		until(t, b, "what the other says", has("hello"))
		close(stop)
		<-done
	})
	t.Run("ticker", func(t *testing.T) {
		type tick struct {
			Type  string
			Seq   uint64
			Price json.Number
		}
		seen := map[uint64]json.Number{}
		read := func(conn *websocket.Conn, good func(tick) bool) {
			until(t, conn, "ticks", func(p []byte) bool {
				var k tick
				return json.Unmarshal(p, &k) == nil && k.Type == "tick" && good(k)
			})
		}
		// a is told of ticks before b comes, so it is told of all that b is.
		a := socketTo(t, servers[0], "/api/stocks/stream?symbols=QUIC")
		read(a, func(tick) bool { return true })
		b := socketTo(t, servers[1], "/api/stocks/stream?symbols=QUIC")
		for range 8 {
			read(b, func(k tick) bool { seen[k.Seq] = k.Price; return true })
		}
		same := 0
		read(a, func(k tick) bool {
			if price, ok := seen[k.Seq]; ok {
				if price != k.Price {
					t.Errorf("tick %d is %s on one server and %s on the other", k.Seq, price, k.Price)
				}
				same++
			}
			return same >= 3
		})
	})
	t.Run("game", func(t *testing.T) {
		// Both see the same ticks: one world, moved by one of them.
		var players [2]*websocket.Conn
		var ticks [2]uint32
		for i, server := range servers {
			players[i] = socketTo(t, server, "/game/session/lobby")
			until(t, players[i], "a state", func(p []byte) bool {
				if len(p) < 5 || p[0] != 2 { // a snapshot
					return false
				}
				ticks[i] = uint32(p[1]) | uint32(p[2])<<8 | uint32(p[3])<<16 | uint32(p[4])<<24
				return true
			})
		}
		// Who came second sees a world that has been moving for as long.
		until(t, players[0], "the second one's tick", func(p []byte) bool {
			return len(p) >= 5 && (p[0] == 2 || p[0] == 3) && uint32(p[1])|uint32(p[2])<<8|uint32(p[3])<<16|uint32(p[4])<<24 >= ticks[1]
		})
		if ticks[1] < ticks[0] {
			t.Errorf("the first server's world is at tick %d, the second's at %d", ticks[0], ticks[1])
		}
	})
	t.Run("clients", func(t *testing.T) {
		c := dialProtocol(t, servers[1].url, nil)
		c.asks("connect", `{}`)
		c.asks("subscribe", `{"channel":"demo:x"}`)
		if status, answer := postAPI(t, servers[0].url, "publish", `{"channel":"demo:x","data":"over there"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		until(t, c.conn, "what was published on the other server", has("over there"))
		_, answer := postAPI(t, servers[0].url, "nodes", `{}`)
		if !strings.Contains(answer, `"name":"one"`) || !strings.Contains(answer, `"name":"two"`) || strings.Contains(answer, "silent") {
			t.Errorf("the nodes are %s", answer)
		}
		if _, answer := postAPI(t, servers[0].url, "channels", `{"pattern":"demo:*"}`); !strings.Contains(answer, `"demo:x":{"num_clients":1}`) {
			t.Errorf("the channels are %s", answer)
		}
		var there struct {
			Result struct{ Presence map[string]any }
		}
		_, answer = postAPI(t, servers[0].url, "presence", `{"channel":"demo:x"}`)
		if err := json.Unmarshal([]byte(answer), &there); err != nil || len(there.Result.Presence) != 1 {
			t.Fatalf("there is %s, %v", answer, err)
		}
		for id := range there.Result.Presence {
			if _, answer := postAPI(t, servers[0].url, "disconnect", `{"client":"`+id+`"}`); !strings.Contains(answer, `"clients":1`) {
				t.Error(answer)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), rawPatience)
		defer cancel()
		var err error
		for err == nil {
			_, _, err = c.conn.Read(ctx)
		}
		if websocket.CloseStatus(err) != 3503 {
			t.Errorf("it ended with %v, want 3503", err)
		}
	})
}
