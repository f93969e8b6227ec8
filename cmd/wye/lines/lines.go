// Package lines is the smallest protocol to switch to: every line comes back.
package lines

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/pace"
)

// The bounds of a connection.
const (
	MaxLine = 4 << 10         // bytes, the line feed included
	Idle    = 5 * time.Minute // without a line
	slow    = 10 * time.Second
)

// Echo is the protocol. It sends every line back until the peer ends its side,
// in which case what is left is sent back too, or until the server wants the
// connection gone. A line longer than MaxLine is answered with a line that says
// so, and is the last. Who sends more lines a second than rate is not read from
// until their turn comes.
func Echo(rate pace.Rate) wye.ProtocolFunc {
	return func(ctx context.Context, _ *wye.Request, c wye.Conn) error {
		return echo(ctx, c, rate)
	}
}

func echo(ctx context.Context, c wye.Conn, rate pace.Rate) error {
	// Ends a read that waits; echo returns then.
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	var meter pace.Meter
	in := bufio.NewReaderSize(c, MaxLine)
	for {
		c.SetReadDeadline(time.Now().Add(Idle)) // if the connection is broken, the read says so
		if meter.Wait(ctx, rate) != nil {
			return nil
		}
		line, err := in.ReadSlice('\n')
		if len(line) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			if err := write(c, line); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, bufio.ErrBufferFull):
			return write(c, fmt.Appendf(nil, "line too long: want at most %d bytes\n", MaxLine))
		case errors.Is(err, io.EOF):
			return c.CloseWrite()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil // idle, or the server wants the connection gone
		default:
			return err
		}
	}
}

func write(c wye.Conn, p []byte) error {
	c.SetWriteDeadline(time.Now().Add(slow)) // if the connection is broken, the write says so
	_, err := c.Write(p)
	return err
}
