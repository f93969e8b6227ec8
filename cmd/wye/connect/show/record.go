package show

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
)

// maxRecorded bounds what is kept of a connection in each direction between two
// turns. The heads that a dialler accepts are shorter.
const maxRecorded = 64 << 10

// Recorder keeps what goes over the connections of a dial until Stop, to show
// the heads as they were, where no [Heads] are told of them. The zero Recorder is
// ready.
type Recorder struct {
	mu      sync.Mutex
	stopped bool
	turns   []turn // in order; neighbours have different directions
}

// turn is what one end sent until the other did.
type turn struct {
	sent bool
	data []byte
}

// Dial returns dial with its connections recorded.
func (r *Recorder) Dial(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &recorded{Conn: nc, r: r}, nil
	}
}

// DialFunc opens a transport connection.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Stop ends the recording; the connections go on unrecorded.
func (r *Recorder) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

func (r *Recorder) add(sent bool, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || len(p) == 0 {
		return
	}
	if n := len(r.turns); n == 0 || r.turns[n-1].sent != sent {
		r.turns = append(r.turns, turn{sent: sent})
	}
	t := &r.turns[len(r.turns)-1]
	t.data = append(t.data, p[:min(len(p), maxRecorded-len(t.data))]...)
}

// Part is one head of a handshake.
type Part struct {
	Sent bool
	Head string // as on the wire, with the empty line at its end if that came
}

// Parts returns the heads that were recorded, in order.
func (r *Recorder) Parts() []Part {
	r.mu.Lock()
	defer r.mu.Unlock()
	var parts []Part
	for _, t := range r.turns {
		for rest := t.data; len(rest) > 0; {
			if !looksLikeHead(t.sent, rest) {
				break // a body, frames, TLS
			}
			end := bytes.Index(rest, []byte("\r\n\r\n"))
			if end < 0 {
				parts = append(parts, Part{t.sent, string(rest)})
				break
			}
			parts = append(parts, Part{t.sent, string(rest[:end+4])})
			rest = rest[end+4:]
		}
	}
	return parts
}

func looksLikeHead(sent bool, p []byte) bool {
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	if sent {
		return bytes.HasSuffix(line, []byte(" HTTP/1.1"))
	}
	return bytes.HasPrefix(line, []byte("HTTP/"))
}

// Exchange returns the heads of a request and its response where they were not
// recorded: the values are those of the wire, the order of the response's fields
// and the case of their names need not be.
func Exchange(resp *http.Response) []Part {
	if resp == nil || resp.Request == nil {
		return nil
	}
	var request, response strings.Builder
	r := resp.Request
	request.WriteString(r.Method + " " + r.URL.RequestURI() + " HTTP/1.1\r\nHost: " + r.Host + "\r\n")
	r.Header.Write(&request)
	response.WriteString(resp.Proto + " " + resp.Status + "\r\n")
	resp.Header.Write(&response)
	return []Part{{true, request.String() + "\r\n"}, {false, response.String() + "\r\n"}}
}

// recorded is a connection of a Recorder.
type recorded struct {
	net.Conn
	r *Recorder
}

func (c *recorded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.r.add(false, p[:n])
	return n, err
}

func (c *recorded) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.r.add(true, p[:n])
	return n, err
}

// CloseWrite ends the sending direction, where the connection below can.
func (c *recorded) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn is the connection below.
func (c *recorded) NetConn() net.Conn { return c.Conn }
