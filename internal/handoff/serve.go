package handoff

import (
	"errors"
	"net"
	"net/http"
)

// Serve has srv serve c as if it had accepted it, in a goroutine that is srv's.
// It returns at once. From then on srv owns c: its Shutdown, Close, ConnState and
// time-outs mean c too. srv.BaseContext is asked with a listener that stands for
// c alone. On an error, [http.ErrServerClosed] when srv is shutting down, c is
// still the caller's.
func Serve(srv *http.Server, c net.Conn) error {
	l := &single{c: c}
	err := srv.Serve(l)
	if l.taken {
		return nil
	}
	return err
}

// errTaken ends the Serve that has taken its connection; the connection lives on.
var errTaken = errors.New("handoff: there is one connection")

// single is a listener with one connection. Accept is called by one goroutine,
// the one that Serve runs in.
type single struct {
	c     net.Conn
	taken bool
}

func (l *single) Accept() (net.Conn, error) {
	if l.taken {
		return nil, errTaken
	}
	l.taken = true
	return l.c, nil
}

// Close leaves the connection alone.
func (l *single) Close() error { return nil }

func (l *single) Addr() net.Addr { return l.c.LocalAddr() }
