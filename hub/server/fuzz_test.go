package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
	"github.com/wye-org/wye/websocket"
)

// Whatever a client says: each command with an ID has one answer with that ID, or the
// connection is closed with a code of the protocol's; and it is bounded.
func FuzzCommands(f *testing.F) {
	for _, s := range []string{
		`{"id":2,"subscribe":{"channel":"room:a"}}`,
		`{"id":2,"subscribe":{"channel":"room:a","recover":true,"epoch":"x","offset":18446744073709551615}}` + "\n" + `{"id":3,"unsubscribe":{"channel":"room:a"}}`,
		`{"id":2,"publish":{"channel":"demo:a","data":{"a":[1,2,3]}}}` + "\n\n{}\n" + `{"id":3,"ping":{}}`,
		`{"id":2,"history":{"channel":"room:a","limit":-2147483648,"since":{"offset":1},"reverse":true}}`,
		`{"id":2,"presence":{"channel":"room:a"}}` + "\n" + `{"id":2,"presence_stats":{}}`,
		`{"id":2,"refresh":{"token":"sub=ann_for=1s"}}` + "\n" + `{"id":3,"sub_refresh":{"channel":"room:a","token":"channel=room:a"}}`,
		`{"id":2,"rpc":{}}` + "\n" + `{"send":{}}`,
		`{"id":0}`, `{"id":1,"x":`, `null`, `{"id":-1}`, `{"ID":7,"PING":{}}`, "\xff", `{"id":9,"ping":{},"ping":null}`,
		strings.Repeat(`{"id":2,"ping":{}}`+"\n", 20),
	} {
		f.Add(s)
	}
	h, err := hub.New(hub.Options{Namespaces: namespaces(), Logger: quiet})
	if err != nil {
		f.Fatal(err)
	}
	defer h.Close()
	opts := server.Options{Hub: h, Tokens: tokens{}, Open: []string{"demo", "room", "kept"}, MaxCommands: 16}
	opts.WebSocket.Logger = quiet
	s, err := server.New(opts)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		if len(text) > 32<<10 {
			t.Skip()
		}
		c, far := websocket.Pipe(&websocket.Options{Logger: quiet}, s.ConnOptions())
		done := make(chan struct{})
		go func() { // ends with the connection
			defer close(done)
			s.Serve(far)
		}()
		defer func() {
			c.CloseNow()
			<-done
		}()
		say := func(text string) { c.Write(ctx, websocket.MessageText, []byte(text)) }
		say(`{"id":4000000000,"connect":{"token":"sub=ann"}}`)
		say(text)
		say(`{"id":4000000001,"ping":{}}`) // the last

		answers, err := answersOf(c)
		asked := askedFor(text)
		switch code := int(websocket.CloseStatus(err)); {
		case err == nil:
			for id, n := range asked {
				if answers[id] != n {
					t.Errorf("%d answers to the command %d, want %d: %q", answers[id], id, n, text)
				}
			}
		case code < 3000 || code > 3999:
			t.Errorf("%q: %v", text, err)
		}
		for id, n := range answers {
			if n > asked[id] {
				t.Errorf("%d answers to the command %d, want %d: %q", n, id, asked[id], text)
			}
		}
	})
}

// askedFor counts the commands of each ID.
func askedFor(text string) map[uint32]int {
	asked := map[uint32]int{4000000000: 1, 4000000001: 1}
	for line := range strings.SplitSeq(text, "\n") {
		var c struct{ ID uint32 }
		if json.Unmarshal([]byte(line), &c) == nil && c.ID != 0 {
			asked[c.ID]++
		}
	}
	return asked
}

// answersOf reads up to the answer to the last command, or the end, and counts the
// answers of each ID.
func answersOf(c *websocket.Conn) (map[uint32]int, error) {
	answers := map[uint32]int{}
	for {
		_, p, err := c.Read(ctx)
		if err != nil {
			return answers, err
		}
		if len(p) > 1<<20 {
			return answers, fmt.Errorf("%d bytes", len(p))
		}
		for line := range strings.SplitSeq(string(p), "\n") {
			var a struct{ ID uint32 }
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				return answers, fmt.Errorf("%w: %s", err, line)
			}
			if a.ID != 0 {
				answers[a.ID]++
			}
			if a.ID == 4000000001 {
				return answers, nil
			}
		}
	}
}
