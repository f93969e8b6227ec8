package connect

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/wye-org/wye"
)

// pipe joins the input and the display to a connection that carries bytes. The
// input's end is passed on as the end of our direction; the server's end is the
// end of all.
func (s *session) pipe(ctx context.Context, c wye.Conn) ending {
	defer c.Close()
	stop := context.AfterFunc(s.waited, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	sendCtx, stopSending := context.WithCancel(ctx)
	var sending sync.WaitGroup
	sending.Go(func() { s.sendBytes(sendCtx, c) }) // ends with sendCtx, or a write that c's end interrupts
	e := s.receiveBytes(ctx, c)
	stopSending()
	c.Close()
	sending.Wait()
	return e
}

func (s *session) receiveBytes(ctx context.Context, c wye.Conn) ending {
	b := make([]byte, 32<<10)
	for {
		n, err := c.Read(b)
		if n > 0 {
			if err := s.display.bytes(b[:n]); err != nil {
				return ending{failure: outputFailure(err), done: true}
			}
		}
		switch {
		case err == nil:
		case err == io.EOF:
			return ending{done: true}
		case s.waited.Err() != nil:
			e := ending{done: true}
			if context.Cause(s.waited) == errInput {
				e.failure = s.inputFailure()
			}
			return e
		default:
			return ending{failure: fail(ExitAbnormal, err, "the connection ended abnormally: %v", err), done: true}
		}
	}
}

// sendBytes sends the input, and then the end.
func (s *session) sendBytes(ctx context.Context, c wye.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case r, ok := <-s.input.requests:
			if !ok {
				if err := c.CloseWrite(); err != nil {
					s.display.note("the end of standard input cannot be passed on: %v", err)
				}
				s.endOfInput(ctx)
				return
			}
			if _, err := c.Write(r.payload); err != nil {
				return // the reader meets it too
			}
		}
	}
}
