package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// showsHistory says that the connection's first message is what the dashboard
// tells a newcomer, and that a sample follows.
func showsHistory(r *raw) {
	r.t.Helper()
	for _, want := range []string{"history", "sample"} {
		var message struct{ Type string }
		if p := r.text(); json.Unmarshal(p, &message) != nil || message.Type != want {
			r.t.Errorf("got %.100q, want a message of the type %q", p, want)
		}
	}
}

// text reads one unfragmented text message. RFC 6455 §5.2
func (r *raw) text() []byte {
	r.t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil || head[0] != 0x81 {
		r.t.Fatalf("a frame begins with % x, %v", head, err)
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var b [2]byte
		io.ReadFull(r.in, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		io.ReadFull(r.in, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r.in, p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// startAdmin is start with a second listener, whose address it returns.
func startAdmin(t testing.TB, args ...string) (server *running, admin string) {
	t.Helper()
	server = start(t, append(args, "--admin", "127.0.0.1:0")...)
	server.log.until(t, "admin on ")
	_, admin, _ = strings.Cut(server.log.String(), "admin on http://")
	admin, _, _ = strings.Cut(admin, "\n")
	return server, admin
}
