package conform

import (
	"context"
	"net"
	"time"
)

// A StreamOpener opens a WebSocket in a way that the suite does not know: over
// HTTP/2, by an extended CONNECT. It connects by dial, which leads to no server
// that may not be tested. fields are to be sent, beside those of the carrier's
// own request; it returns the fields of the answer that opened the connection.
type StreamOpener func(ctx context.Context, dial Dialer, fields []Field) (conn net.Conn, answer []Field, err error)

// A Dialer opens a connection, as [net.Dialer.DialContext] does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// ofHTTP1 reports whether the case is about the syntax of HTTP/1.1's opening
// handshake, which other carriers do not have.
func (c *Case) ofHTTP1() bool {
	if c.Opening == nil || c.Opening.Request == nil {
		return false
	}
	r := c.Opening.Request
	return r.Method+r.Proto+r.Body != "" || r.Chop > 0 || len(r.Drop)+len(r.Add) > 0 || r.refusal() || r.Check != nil
}

// openBy returns what opens streams with the suite's fields.
func (r *ServerRun) openBy(dial Dialer) func(context.Context, []Field) (net.Conn, []Field, error) {
	if r.Open == nil {
		return nil
	}
	return func(ctx context.Context, fields []Field) (net.Conn, []Field, error) { return r.Open(ctx, dial, fields) }
}

// openStream opens a connection over another carrier than HTTP/1.1.
func (s *dialogue) openStream(ctx context.Context, r *Request) (net.Conn, []Field, error) {
	fields := append([]Field{{"Sec-WebSocket-Version", "13"}}, s.extra...)
	for _, o := range r.Offers {
		fields = append(fields, Field{"Sec-WebSocket-Extensions", o})
	}
	return s.open(ctx, fields)
}

// runStream is run over another carrier than HTTP/1.1.
func (t *target) runStream(ctx context.Context, s *dialogue, began time.Time) Result {
	if s.cs.ofHTTP1() {
		s.gotText = "nothing was sent"
		s.judge(Informational, "the case is of HTTP/1.1's opening handshake, which this carrier does not have")
		return s.result(began)
	}
	r := s.serverRequest()
	conn, answer, err := s.openStream(ctx, r)
	if err != nil {
		s.gotText = "no connection"
		s.judge(Fail, "the stream cannot be opened: %s", plainError(err))
		return s.result(began)
	}
	s.conn = conn
	s.talk(func() {
		s.response = head{start: "HTTP/1.1 101 in effect", fields: answer}
		s.gotText = "a stream"
		s.judgeResponse(r)
		if s.ended {
			return
		}
		s.in = newReader(s.conn, s.log, s.end)
		s.agree()
		go s.readUntilClosed(nil)
	})
	return s.result(began)
}

// probeStream is probe likewise.
func (t *target) probeStream(ctx context.Context, s *dialogue, r *Request) (deflate bool, err error) {
	conn, answer, err := s.openStream(ctx, r)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	return offersDeflate(head{fields: answer}.values("Sec-WebSocket-Extensions")), nil
}
