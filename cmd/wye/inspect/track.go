package inspect

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// Protocol is p, whose connections the registry knows. A WebSocket's it knows by
// [Registry.Hooks].
func (reg *Registry) Protocol(p wye.Protocol) wye.Protocol { return known{reg, p} }

type known struct {
	registry *Registry
	protocol wye.Protocol
}

func (k known) Check(r *http.Request, t wye.Token) (*wye.Agreement, error) {
	agreed, err := k.protocol.Check(r, t)
	if err != nil {
		if !errors.Is(err, wye.ErrDecline) {
			k.registry.Refused(r, err)
		}
		return nil, err
	}
	if agreed == nil || agreed.Serve == nil {
		return agreed, nil // the Switch says what is wrong with that
	}
	watched := *agreed
	watched.Serve = func(ctx context.Context, r *wye.Request, c wye.Conn) error {
		c, done := k.registry.Track(r, c)
		defer done()
		return agreed.Serve(ctx, r, c)
	}
	return &watched, nil
}

// Track takes a connection in that is no WebSocket, until done is called, at
// least once. The connection is to be used as counted, which counts its bytes.
func (reg *Registry) Track(r *wye.Request, c wye.Conn) (counted wye.Conn, done func()) {
	t := &tracked{Conn: c, registry: reg}
	e := reg.enter(reg.about(r), t)
	return t, e.remove
}

// tracked counts what goes over a Conn. It has the methods of [wye.Conn] that are
// found by assertion, but for SyscallConn: nothing would be counted then.
type tracked struct {
	wye.Conn
	registry       *Registry
	received, sent atomic.Int64
}

func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.received.Add(int64(n))
	t.registry.meter.ReceivedBytes(n)
	return n, err
}

func (t *tracked) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.sent.Add(int64(n))
	t.registry.meter.SentBytes(n)
	return n, err
}

func (t *tracked) Abort(cause error) { wye.Abort(t.Conn, cause) }

func (t *tracked) NetConn() net.Conn { return t.Conn }

func (t *tracked) OnLeave(f func(ctx context.Context, cause error) error) {
	if l, ok := t.Conn.(interface {
		OnLeave(func(context.Context, error) error)
	}); ok {
		l.OnLeave(f)
	}
}

func (t *tracked) Stats() websocket.Stats {
	return websocket.Stats{BytesReceived: t.received.Load(), BytesSent: t.sent.Load()}
}

func (t *tracked) RTT() time.Duration { return 0 }

// errInspector is why a connection was aborted.
var errInspector = errors.New("inspect: ended by hand")

// end aborts: the protocol may have no way to say more.
func (t *tracked) end(context.Context, websocket.StatusCode, string) error {
	wye.Abort(t.Conn, errInspector)
	return nil
}
