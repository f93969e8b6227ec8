//go:build js && wasm

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket/wire"
)

// In a browser the transport is its own WebSocket, which speaks messages and not
// frames. So the Conn speaks frames over a pipe in memory to a browserEnd, which
// passes on what they say. All that a Conn does it does here too; but pings stop
// at the browser, and what the page may not set, DialOptions may not ask for.

// dialPlatform is Dial on the browser's WebSocket.
func dialPlatform(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, *http.Response, error) {
	fail := func(stage wye.Stage, err error) (*Conn, *http.Response, error) {
		return nil, nil, &wye.DialError{Stage: stage, URL: wye.DisplayURL(rawURL), Err: err}
	}
	target, err := browserURL(rawURL)
	if err == nil {
		err = opts.inBrowser()
	}
	if err != nil {
		return fail(wye.StageRequest, err)
	}
	timeout := opts.HandshakeTimeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	far, near := newPipe()
	b := &browserEnd{nc: far, limit: max(opts.settings(true).MaxMessage, 1<<20)}
	b.in = wire.NewReceiver(&wire.Options{MaxMessage: 1<<31 - 1, MaxFragments: 1 << 30})
	b.out = wire.NewSender(&wire.Options{})
	b.more.L = &b.mu
	if err := b.open(target, opts.Subprotocols); err != nil {
		return fail(wye.StageRequest, err)
	}
	select {
	case <-b.opened:
	case <-b.closed:
		b.release()
		return fail(wye.StageHandshake, errors.New("the browser could not open the WebSocket; it tells pages no more, its console may"))
	case <-ctx.Done():
		b.ws.Call("close")
		b.release()
		return fail(wye.StageHandshake, ctx.Err())
	}
	go b.up()   // both are the connection's: they end when the pipe does, and the
	go b.down() // pipe when the Conn or the browser's WebSocket ends

	c := newConn(near, opts.settings(true))
	c.subprot = b.ws.Get("protocol").String()
	return c.start(), nil, nil
}

// browserURL is rawURL as the browser's WebSocket wants it.
func browserURL(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("the URL does not parse")
	}
	switch strings.ToLower(u.Scheme) {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	if strings.Contains(rawURL, "#") {
		return "", errors.New("the URL has a #fragment, which is never sent: remove it, or write # as %23")
	}
	return u.String(), nil
}

// inBrowser refuses what a page cannot ask for.
func (o *DialOptions) inBrowser() error {
	switch {
	case len(o.Header) > 0:
		return errors.New("in a browser DialOptions.Header must be empty: the page cannot set fields of the handshake; send credentials as a subprotocol or a ticket")
	case o.NetDial != nil || o.TLSConfig != nil || o.Proxy != nil || o.Jar != nil || o.Carriers != nil || o.Trace != nil:
		return errors.New("in a browser NetDial, TLSConfig, Proxy, Jar, Carriers and Trace must be nil: the browser connects")
	}
	return nil
}

// browserEnd is the other end of the pipe: a server that passes messages on.
type browserEnd struct {
	nc             *pipeConn
	ws             js.Value
	funcs          []js.Func
	limit          int           // bytes that wait in queue, beyond one message
	opened, closed chan struct{} // closed when the browser says so

	in wire.Receiver // up's alone

	mu     sync.Mutex // guards the rest
	more   sync.Cond
	out    wire.Sender
	queue  []browserMessage // from the browser, which knows no backpressure
	queued int
	ended  *CloseError // how the browser's WebSocket closed
}

type browserMessage struct {
	op wire.Opcode
	p  []byte
}

// open begins the browser's handshake. What it finds wrong with its arguments it
// throws.
func (b *browserEnd) open(url string, subprotocols []string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the browser refuses: %v", v)
		}
	}()
	protocols := make([]any, len(subprotocols))
	for i, s := range subprotocols {
		protocols[i] = s
	}
	b.opened, b.closed = make(chan struct{}), make(chan struct{})
	b.ws = js.Global().Get("WebSocket").New(url, protocols)
	b.ws.Set("binaryType", "arraybuffer")
	b.on("onopen", func(js.Value) { close(b.opened) })
	b.on("onmessage", func(e js.Value) { b.received(e.Get("data")) })
	b.on("onclose", func(e js.Value) {
		b.mu.Lock()
		b.ended = &CloseError{Code: StatusCode(e.Get("code").Int()), Reason: e.Get("reason").String()}
		b.more.Broadcast()
		b.mu.Unlock()
		close(b.closed)
	})
	return nil
}

// on sets a handler. The browser calls it once at a time, and it must not wait.
func (b *browserEnd) on(event string, f func(e js.Value)) {
	handler := js.FuncOf(func(_ js.Value, args []js.Value) any {
		f(args[0])
		return nil
	})
	b.funcs = append(b.funcs, handler)
	b.ws.Set(event, handler)
}

func (b *browserEnd) release() {
	for _, event := range []string{"onopen", "onmessage", "onclose"} {
		b.ws.Set(event, js.Null())
	}
	for _, f := range b.funcs {
		f.Release()
	}
}

// received queues a message. One that does not fit closes the connection: the
// browser goes on reading whatever we do.
func (b *browserEnd) received(data js.Value) {
	m := browserMessage{op: wire.OpText}
	if data.Type() == js.TypeString {
		m.p = []byte(data.String())
	} else {
		array := js.Global().Get("Uint8Array").New(data)
		m.op, m.p = wire.OpBinary, make([]byte, array.Length())
		js.CopyBytesToGo(m.p, array)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 && b.queued+len(m.p) > 4*b.limit {
		b.ws.Call("close", 3008, "read too slowly")
		return
	}
	b.queue = append(b.queue, m)
	b.queued += len(m.p)
	b.more.Broadcast()
}

// down passes on what the browser received, and then how it ended.
func (b *browserEnd) down() {
	defer b.release()
	defer b.nc.CloseWrite()
	var frame []byte
	for {
		b.mu.Lock()
		for len(b.queue) == 0 && b.ended == nil && !b.out.Owes() {
			b.more.Wait()
		}
		frame = b.out.AppendReplies(frame[:0], 0)
		if len(b.queue) > 0 {
			m := b.queue[0]
			b.queue = b.queue[1:]
			b.queued -= len(m.p)
			frame, _ = b.out.AppendMessage(frame, m.op, m.p)
		} else if b.ended != nil {
			code := b.ended.Code
			if code == StatusNoStatusRcvd {
				code = 0
			}
			// One that may not be sent, as 1006, was none: then the pipe just ends.
			b.out.Close(code, b.ended.Reason, 0)
			frame = b.out.AppendReplies(frame, 0)
			b.mu.Unlock()
			b.nc.Write(frame)
			return
		}
		b.mu.Unlock()
		if _, err := b.nc.Write(frame); err != nil {
			b.ws.Call("close")
			<-b.closed
			return
		}
	}
}

// up passes on what the Conn sends.
func (b *browserEnd) up() {
	var scratch [16 << 10]byte
	for !b.in.Done() {
		n, err := b.nc.Read(b.in.Space(scratch[:]))
		b.in.Received(n)
		for ev := b.in.Next(); ev.Kind != wire.None; ev = b.in.Next() {
			b.pass(ev)
		}
		if err != nil {
			break
		}
	}
	if !b.in.Done() {
		b.ws.Call("close") // the Conn was cut
	}
	io.Copy(io.Discard, b.nc)
}

// pass passes on one event.
func (b *browserEnd) pass(ev wire.Event) {
	switch ev.Kind {
	case wire.Message:
		b.awaitRoom()
		if ev.Op == wire.OpText {
			b.ws.Call("send", string(ev.Data))
			return
		}
		array := js.Global().Get("Uint8Array").New(len(ev.Data))
		js.CopyBytesToJS(array, ev.Data)
		b.ws.Call("send", array)
	case wire.Ping: // the page cannot ping: that the browser answers is all there is to know
		b.mu.Lock()
		b.out.Apply(ev, 0)
		b.more.Broadcast()
		b.mu.Unlock()
	case wire.Close:
		// A page may close with 1000 or a code of its own alone.
		if ev.Code == StatusNormalClosure || ev.Code >= 3000 {
			b.ws.Call("close", int(ev.Code), string(ev.Data))
		} else {
			b.ws.Call("close")
		}
	}
}

// awaitRoom waits while the browser has much to send. It says how much, but not
// when that changes.
func (b *browserEnd) awaitRoom() {
	for b.ws.Get("bufferedAmount").Int() > 1<<20 {
		select {
		case <-b.closed:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
