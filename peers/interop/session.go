package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// A session is a WebSocket connection of one library, of either end. One
// goroutine receives; the other methods may be called beside it.
type session interface {
	subprotocol() string

	// receive returns a *closeFrame when the peer has sent one.
	receive(ctx context.Context) (message, error)
	send(ctx context.Context, m message) error

	// sendFragments sends one text message in several frames.
	sendFragments(ctx context.Context, parts [][]byte) error

	// ping waits for the pong; somebody receives meanwhile.
	ping(ctx context.Context) error

	// close sends a Close frame and returns the code of the peer's.
	close(ctx context.Context, code int, reason string) (int, error)

	// abort ends the connection at once, if it has not ended.
	abort()
}

type message struct {
	text bool
	data []byte
}

func (m message) String() string {
	kind := "binary"
	if m.text {
		kind = "text"
	}
	if len(m.data) > 40 {
		return fmt.Sprintf("%s of %d bytes", kind, len(m.data))
	}
	return fmt.Sprintf("%s %q", kind, m.data)
}

// closeFrame is what the peer's Close frame said.
type closeFrame struct {
	code   int
	reason string
}

func (c *closeFrame) Error() string { return fmt.Sprintf("closed with %d %q", c.code, c.reason) }

// errCannot: the library's interface has no way to do it.
var errCannot = errors.New("the library has no interface for it")

// A library is one in Go, used in this process.
type library struct {
	name    string
	module  string
	dial    func(ctx context.Context, url string, mode deflateMode) (session, error)
	handler func(mode deflateMode, serve func(session)) http.Handler
}

// libraries are the peers in Go; wye is none of them.
var libraries = []library{
	{"gorilla", "github.com/gorilla/websocket", dialGorilla, gorillaHandler},
	{"coder", "github.com/coder/websocket", dialCoder, coderHandler},
	{"gws", "github.com/lxzan/gws", dialGWS, gwsHandler},
}

// deflateMode is how permessage-deflate is offered, or accepted.
type deflateMode string

const (
	noDeflate  deflateMode = "none"
	takeover   deflateMode = "takeover"
	noTakeover deflateMode = "no-takeover"
	bits9      deflateMode = "bits9" // a window of 512 bytes, each way
)

var deflateModes = []deflateMode{noDeflate, takeover, noTakeover, bits9}

// maxMessage is every end's limit, in bytes: what the case "1 MiB" needs.
const maxMessage = 1 << 20

// The client offers both, the server speaks the second.
const (
	otherSubprotocol  = "other.example"
	sharedSubprotocol = "interop.example"
)
