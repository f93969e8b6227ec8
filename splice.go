package wye

import (
	"context"
	"errors"
	"io"
	"net"
)

// Splice copies between a and b in both directions until both have ended, and
// closes both. The end of one direction is passed on with CloseWrite, so the
// other goes on; where the transport cannot do that, both are closed. When ctx
// ends, or a direction fails, both connections are aborted and what went wrong
// first is returned. toB and toA are the bytes that went from a to b and from b to a.
//
// No more is held than the kernel or one copy buffer a direction holds.
func Splice(ctx context.Context, a, b Conn) (toB, toA int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { // received below
		defer close(ended)
		cause := context.Cause(ctx)
		if cause == errNoHalfClose { // what was written is to arrive
			a.Close()
			b.Close()
			return
		}
		Abort(a, cause)
		Abort(b, cause)
	})
	done := make(chan struct{})
	go func() { // ends when its direction does: received below
		defer close(done)
		toA = pass(a, b, cancel)
	}()
	toB = pass(b, a, cancel)
	<-done
	if stop() {
		a.Close()
		b.Close()
	} else {
		<-ended
		if err = context.Cause(ctx); err == errNoHalfClose {
			err = nil
		}
	}
	cancel(nil)
	return toB, toA, err
}

// errNoHalfClose ends a splice in whose one direction the end has come and
// cannot be passed on.
var errNoHalfClose = errors.New("wye: no half-close")

// pass copies one direction, and then the end.
func pass(dst, src Conn, fail context.CancelCauseFunc) int64 {
	n, err := passEarly(dst, src)
	if err == nil {
		var more int64
		more, err = io.Copy(bare(dst), bare(src))
		n += more
	}
	if err == nil {
		if err = dst.CloseWrite(); errors.Is(err, errors.ErrUnsupported) {
			err = errNoHalfClose
		}
	}
	if err != nil {
		fail(err)
	}
	return n
}

// passEarly writes the bytes that came with src's head.
func passEarly(dst, src Conn) (int64, error) {
	c, ok := src.(*conn)
	if !ok {
		return 0, nil
	}
	b := c.takeEarly()
	if len(b) == 0 {
		return 0, nil
	}
	n, err := dst.Write(b)
	return int64(n), err
}

// bare is the TCP connection below c, whose early bytes are gone, or c: between
// two TCP connections the kernel copies.
func bare(c Conn) net.Conn {
	if outer, ok := c.(*conn); ok {
		if tcp, ok := outer.Conn.(*net.TCPConn); ok {
			return tcp
		}
	}
	return c
}

// Abort ends c at once, by its own Abort if it has one. cause says why to those
// who ask c.
func Abort(c Conn, cause error) {
	if a, ok := c.(interface{ Abort(cause error) }); ok {
		a.Abort(cause)
		return
	}
	c.Close()
}
