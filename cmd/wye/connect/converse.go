package connect

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wye-org/wye/websocket"
)

// pingPatience bounds the wait for a pong that was asked for.
const pingPatience = 10 * time.Second

// converse joins the input and the display to a WebSocket until either ends.
func (s *session) converse(ctx context.Context, c *websocket.Conn) ending {
	defer c.CloseNow()
	sendCtx, stopSending := context.WithCancel(ctx)
	var sending sync.WaitGroup
	sending.Go(func() { s.send(sendCtx, c) }) // ends with sendCtx or the connection
	e := s.receive(ctx, c)
	stopSending()
	sending.Wait()
	return e
}

// receive shows messages until there is a reason to end, and ends.
func (s *session) receive(ctx context.Context, c *websocket.Conn) ending {
	for {
		typ, payload, err := c.Read(s.waited)
		switch {
		case err == nil:
		case s.waited.Err() != nil && c.Err() == nil:
			return s.leave(ctx, c)
		default:
			return s.left(err)
		}
		if err := s.display.message(typ, payload); err != nil {
			s.close(ctx, c)
			return ending{failure: outputFailure(err), done: true}
		}
		s.count++
		s.matched = s.matched || s.o.Until != nil && s.o.Until.Match(s.o.Encoding.append(nil, payload))
		if s.matched || s.o.Count > 0 && s.count >= s.o.Count {
			return s.close(ctx, c)
		}
	}
}

// left is the end that came by itself.
func (s *session) left(err error) ending {
	e := ending{failure: endFailure(err)}
	var ce *websocket.CloseError
	if errors.As(err, &ce) {
		e.done = !ce.Remote && ce.Err == nil // /close
		s.display.event(closeEvent(ce))
	}
	if e.failure == nil && s.o.Until != nil && !s.matched {
		e.failure = fail(ExitAbnormal, err, "the connection was closed before a message matched --until")
	}
	return e
}

// leave is the end of the wait, or a signal.
func (s *session) leave(ctx context.Context, c *websocket.Conn) ending {
	e := s.close(ctx, c)
	if f := s.inputError(); f != nil {
		e.failure = f
	}
	if e.failure == nil && ctx.Err() == nil && s.o.seeks() {
		e.failure = fail(ExitTimeOut, errWaited, "time-out: %s did not come within --wait %v", s.sought(), s.o.Wait)
	}
	return e
}

// inputError is the input's failure if that is why the session ends.
func (s *session) inputError() *Failure {
	if context.Cause(s.waited) == errInput {
		return s.inputFailure()
	}
	return nil
}

func (s *session) sought() string {
	if s.o.Until != nil {
		return "a message that matches --until"
	}
	return "as many messages as -n asks for"
}

// close is the closing handshake that we begin. After a signal it is a short one.
func (s *session) close(ctx context.Context, c *websocket.Conn) ending {
	bound := context.Background() // and CloseTimeout
	if ctx.Err() != nil {
		short, cancel := context.WithTimeout(bound, goodbye)
		defer cancel()
		bound = short
	}
	err := c.Close(bound, websocket.StatusNormalClosure, "")
	var ce *websocket.CloseError
	if errors.As(c.Err(), &ce) {
		s.display.event(closeEvent(ce))
	}
	return ending{failure: endFailure(err), done: true}
}

// errInput is the cause of an end for a line that is no message.
var errInput = errors.New("the input failed")

// send does what the input asks for until the connection, ctx or the input ends.
// The end of the input begins the wait for the server's last words.
func (s *session) send(ctx context.Context, c *websocket.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.Done():
			return
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-c.Done(): // what is not asked for yet stays for the next connection
			return
		case r, ok := <-s.input.requests:
			if !ok {
				c.Flush(ctx) // an error is the connection's end, which the reader meets
				s.endOfInput(ctx)
				return
			}
			s.do(ctx, c, r)
		}
	}
}

func (s *session) do(ctx context.Context, c *websocket.Conn, r request) {
	switch r.op {
	case opSend:
		if err := c.Write(ctx, r.typ, r.payload); err != nil {
			// Whether the server has it nobody knows: it is not sent again.
			s.display.note("a message of %d bytes was not sent: the connection had ended", len(r.payload))
		}
	case opPing:
		ctx, cancel := context.WithTimeout(ctx, pingPatience)
		defer cancel()
		if rtt, err := c.Ping(ctx); err == nil {
			s.display.event(event{Event: "pong", RTT: float64(rtt) / float64(time.Millisecond)})
		} else if ctx.Err() != nil {
			s.display.note("no pong came")
		}
	case opClose:
		if err := c.Close(ctx, r.code, r.reason); err != nil && c.Err() == nil {
			s.display.note("cannot close: %v", err)
		}
	}
}

// endOfInput waits for what Options.Wait says, or until ctx ends.
func (s *session) endOfInput(ctx context.Context) {
	if s.input.err != nil {
		s.finish(errInput)
		return
	}
	if s.o.Wait < 0 {
		return
	}
	if s.deadline.IsZero() { // or an earlier connection had the end already
		s.deadline = time.Now().Add(s.o.Wait)
	}
	timer := time.NewTimer(time.Until(s.deadline))
	defer timer.Stop()
	select {
	case <-timer.C:
		s.finish(errWaited)
	case <-ctx.Done():
	}
}
