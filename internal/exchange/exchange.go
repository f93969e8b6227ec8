package exchange

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/wye-org/wye/internal/handoff"
)

// Bounds of an answer.
const (
	maxHead           = 16 << 10 // bytes, with all that comes before the final one
	maxInformationals = 8
)

// ErrHTTP2 is what a server says that speaks HTTP/2 without being asked.
var ErrHTTP2 = errors.New("the server speaks HTTP/2 at once")

// Answer is the final response to a request.
type Answer struct {
	*http.Response // Body gives the connection's bytes; closing it does not close the connection
	c              net.Conn
	limit          *io.LimitedReader
	read           *bufio.Reader
}

// Ask sends r and reads the head of the final response. It sends r.Header as it
// is, Connection and Upgrade included.
func (c *Conn) Ask(r *http.Request) (*Answer, error) {
	if _, err := http.NewRequest(r.Method, "/", nil); err != nil {
		return nil, err // the method; Write does not look at it
	}
	var request bytes.Buffer
	if err := r.Write(&request); err != nil {
		return nil, err
	}
	if _, err := c.Write(request.Bytes()); err != nil {
		return nil, err
	}
	a := &Answer{c: c.Conn, limit: &io.LimitedReader{R: c.Conn, N: maxHead}}
	a.read = bufio.NewReader(a.limit)
	if head, _ := a.read.Peek(9); isSettings(head) {
		return nil, ErrHTTP2
	}
	// "A client MUST be able to parse one or more 1xx responses received prior
	// to a final response." RFC 9110 §15.2
	for range maxInformationals {
		var err error
		if a.Response, err = http.ReadResponse(a.read, r); err != nil {
			return nil, a.explain(err)
		}
		if a.StatusCode/100 != 1 || a.StatusCode == http.StatusSwitchingProtocols {
			a.limit.N = 1<<63 - 1 // the rest is the body's, or another protocol's
			return a, nil
		}
	}
	return nil, fmt.Errorf("over %d informational responses and no final one", maxInformationals)
}

// isSettings reports whether b is the head of a SETTINGS frame on stream 0: "The
// server connection preface consists of a potentially empty SETTINGS frame…"
// RFC 9113 §3.4
func isSettings(b []byte) bool {
	return len(b) == 9 && b[0] == 0 && b[3] == 4 && b[4] == 0 && binary.BigEndian.Uint32(b[5:]) == 0
}

func (a *Answer) explain(err error) error {
	switch {
	case a.limit.N <= 0:
		return fmt.Errorf("the answer's head is over %d bytes", maxHead)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return fmt.Errorf("the server closed the connection without an answer: %w", err)
	}
	return err
}

// Rest is the connection behind a 101: it begins with what came with the head.
func (a *Answer) Rest() net.Conn {
	n := a.read.Buffered()
	if n == 0 {
		return a.c
	}
	b, _ := a.read.Peek(n) // never fails for what is buffered
	return handoff.Replay(a.c, bytes.Clone(b))
}
