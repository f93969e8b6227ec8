package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wye-org/wye/hub"
)

// events is a stream of them, as the outlet of its hub's client. All writing is done
// by the request's handler, to which the outlet hands one batch at a time.
type events struct {
	server *Server
	w      http.ResponseWriter
	rc     *http.ResponseController
	free   chan struct{}       // has an element if a batch may be handed over
	batch  chan []*hub.Message // handed over; has room for the one
	ended  chan *disconnect    // why the stream is to end; has room for the first reason
	gone   chan struct{}       // closed when the handler writes no more
	mu     sync.Mutex          // held while gone is closed, and while the deadline is cut
}

func newEvents(s *Server, w http.ResponseWriter) *events {
	e := &events{
		server: s,
		w:      w,
		rc:     http.NewResponseController(w),
		free:   make(chan struct{}, 1),
		batch:  make(chan []*hub.Message, 1),
		ended:  make(chan *disconnect, 1),
		gone:   make(chan struct{}),
	}
	e.free <- struct{}{}
	return e
}

// bounded sets the first deadline of writing, and fails where there can be none. For
// the request after this one net/http sets another.
func (e *events) bounded() error {
	if err := e.deadline(); err != nil {
		return fmt.Errorf("server: events need a ResponseWriter with deadlines, or one that has Unwrap: %w", err)
	}
	return nil
}

func (e *events) deadline() error {
	return e.rc.SetWriteDeadline(time.Now().Add(e.server.opt.WriteTimeout))
}

// TrySend implements [hub.Outlet].
func (e *events) TrySend(batch []*hub.Message) (n int, err error) {
	select {
	case <-e.free:
		e.batch <- slices.Clone(batch)
		return len(batch), nil
	default:
		return 0, nil
	}
}

// Send implements [hub.Outlet].
func (e *events) Send(ctx context.Context, batch []*hub.Message) (n int, err error) {
	if err := e.Ready(ctx); err != nil {
		return 0, err
	}
	return e.TrySend(batch) // nobody else takes what is free
}

// errGone is what the hub is told when nobody reads the stream any more.
var errGone = errors.New("server: the stream of events has ended")

// Ready implements [hub.Readier].
func (e *events) Ready(ctx context.Context) error {
	select {
	case <-e.free:
		e.free <- struct{}{}
		return nil
	case <-e.gone:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close implements [hub.Outlet]. A write that waits for the client is cut short.
func (e *events) Close(why error) {
	by := disconnectFor(why)
	if by == nil {
		by = byWriteError
	}
	e.end(by)
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.gone: // the ResponseWriter is the server's again
	default:
		e.rc.SetWriteDeadline(time.Now().Add(goodbyeTimeout))
	}
}

// goodbyeTimeout is how long the last event may take.
const goodbyeTimeout = time.Second

// end has the stream end, with an event that says why, unless it is ending already.
func (e *events) end(by *disconnect) {
	select {
	case e.ended <- by:
	default:
	}
}

// finish says that nothing is written any more.
func (e *events) finish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.gone)
}

// run writes what comes until the stream ends, and returns with which code the server
// ended it; 0: it was not the server.
func (e *events) run(ctx context.Context, expires time.Time) (code int) {
	keepalive := time.NewTicker(e.server.opt.Keepalive)
	defer keepalive.Stop()
	var expired <-chan time.Time
	if !expires.IsZero() {
		timer := time.NewTimer(time.Until(expires))
		defer timer.Stop()
		expired = timer.C
	}
	for {
		var err error
		select {
		case batch := <-e.batch:
			var last bool
			last, err = e.write(batch)
			if last {
				return UnsubscribeServer
			}
			e.free <- struct{}{}
			keepalive.Reset(e.server.opt.Keepalive)
		case <-keepalive.C:
			if err = e.deadline(); err == nil {
				_, err = e.w.Write([]byte(":\n\n"))
			}
			if err == nil {
				err = e.rc.Flush()
			}
		case by := <-e.ended:
			e.goodbye(by)
			return by.code
		case <-expired:
			e.goodbye(byExpiry)
			return byExpiry.code
		case <-ctx.Done():
			return 0
		}
		if err != nil {
			return 0
		}
	}
}

// write writes a batch, and reports whether it is the last: the client was taken out
// of the channel.
func (e *events) write(batch []*hub.Message) (last bool, err error) {
	if err = e.deadline(); err != nil {
		return false, err
	}
	for _, m := range batch {
		if m.Kind == hub.Removed {
			e.w.Write(farewell("unsubscribed", UnsubscribeServer, "server unsubscribe"))
			last = true
			break
		}
		if _, err = e.w.Write(eventOf(m)); err != nil {
			return false, err
		}
	}
	return last, e.rc.Flush()
}

// goodbye writes the last event.
func (e *events) goodbye(by *disconnect) {
	e.rc.SetWriteDeadline(time.Now().Add(goodbyeTimeout))
	e.w.Write(farewell("disconnected", by.code, by.reason))
	e.rc.Flush()
}

func farewell(name string, code int, reason string) []byte {
	return fmt.Appendf(nil, "event: %s\ndata: {\"code\":%d,\"reason\":%s}\n\n", name, code, quote(reason))
}

type eventKey struct{}

// eventOf is a message as an event. One for the client alone is that already.
func eventOf(m *hub.Message) []byte {
	if m.Channel == "" {
		return m.Data
	}
	return m.Form(eventKey{}, makeEvent).([]byte)
}

func makeEvent(m *hub.Message) any {
	if m.Kind != hub.Data {
		return []byte(nil)
	}
	var b []byte
	if m.Offset != 0 {
		b = append(append(append(b, "id: "...), formatPosition(m.Position)...), '\n')
	}
	data := m.Data
	if m.Binary || !utf8.Valid(data) {
		b = append(b, "event: binary\n"...)
		data = base64.StdEncoding.AppendEncode(nil, data)
	}
	return append(appendLines(b, data), '\n')
}

// appendLines writes data as the lines of an event. What ends a line there is a CRLF, a
// LF or a CR; whoever reads them puts LFs between them.
func appendLines(b, data []byte) []byte {
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	start := 0
	for i := 0; i <= len(data); i++ {
		if i == len(data) || data[i] == '\n' || data[i] == '\r' {
			b = append(append(append(b, "data: "...), data[start:i]...), '\n')
			start = i + 1
		}
	}
	return b
}

// joinEvents has the client join, and tells it so first.
func (s *Server) joinEvents(r *http.Request, client *hub.Client, j joining, last int) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.opt.CommandTimeout)
	defer cancel()
	j.last, j.whole = last, true
	_, err := j.join(ctx, client, func(result *subscribeResult) *hub.Message {
		return &hub.Message{Data: s.welcome(j.channel, result)}
	})
	return err
}

// welcome is the first event. Its id is where the client comes back to if it gets no
// other: before whatever follows.
func (s *Server) welcome(channel string, result *subscribeResult) []byte {
	b := strconv.AppendInt([]byte("retry: "), s.opt.Retry.Milliseconds(), 10)
	b = append(b, "\nevent: subscribed\n"...)
	if result.stores && (result.wasRecovered || result.following == 0) {
		b = append(append(append(b, "id: "...), formatPosition(result.position)...), '\n')
	}
	b = append(append(append(b, `data: {"channel":`...), quote(channel)...), ',')
	if result.recovering {
		b = append(strconv.AppendBool(append(b, `"recovered":`...), result.wasRecovered), ',')
	}
	b = append(append(b, `"epoch":`...), quote(result.position.Epoch)...)
	b = strconv.AppendUint(append(b, `,"offset":`...), result.position.Offset, 10)
	return append(b, "}\n\n"...)
}
