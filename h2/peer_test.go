package h2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
)

// peer is a server that the test plays, frame by frame.
type peer struct {
	t   *testing.T
	nc  net.Conn
	fr  *http2.Framer
	enc *hpack.Encoder
	buf bytes.Buffer
	got chan http2.Frame // what the client sends; closed at its end
}

// half gives a net.Pipe a buffer: without one a peer that does not read blocks.
type half struct {
	net.Conn
	out chan []byte
}

func buffered(nc net.Conn) *half {
	h := &half{nc, make(chan []byte, 1<<16)}
	go func() { // ends with nc
		for p := range h.out {
			if _, err := nc.Write(p); err != nil {
				return
			}
		}
	}()
	return h
}

func (h *half) Write(p []byte) (int, error) {
	h.out <- bytes.Clone(p)
	return len(p), nil
}

func (h *half) Close() error {
	err := h.Conn.Close()
	return err
}

// network is where a Transport dials, and the test takes the connections.
type network struct {
	t     *testing.T
	dials chan net.Conn
}

func newNetwork(t *testing.T) *network { return &network{t, make(chan net.Conn, 16)} }

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	a, b := net.Pipe()
	n.dials <- b
	return a, nil
}

// accept takes the next connection and says what it takes.
func (n *network) accept(settings ...http2.Setting) *peer {
	n.t.Helper()
	nc := <-n.dials
	p := &peer{t: n.t, nc: nc, got: make(chan http2.Frame, 1<<12)}
	out := buffered(nc)
	p.fr = http2.NewFramer(out, nc)
	p.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.enc = hpack.NewEncoder(&p.buf)
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(nc, preface); err != nil || string(preface) != http2.ClientPreface {
		n.t.Fatalf("the preface is %q, %v", preface, err)
	}
	go func() { // ends with nc
		defer close(p.got)
		for {
			f, err := p.fr.ReadFrame()
			if err != nil {
				return
			}
			switch d := f.(type) {
			case *http2.DataFrame: // valid until the next one
				p.got <- &dataFrame{d.FrameHeader, bytes.Clone(d.Data())}
			case *http2.SettingsFrame:
				s := &settingsFrame{FrameHeader: d.FrameHeader}
				d.ForeachSetting(func(x http2.Setting) error { s.all = append(s.all, x); return nil })
				p.got <- s
			case *http2.GoAwayFrame:
				p.got <- &goAwayFrame{d.FrameHeader, d.ErrCode}
			default:
				p.got <- f
			}
		}
	}()
	n.t.Cleanup(func() {
		nc.Close()
		close(out.out)
	})
	if settings != nil {
		p.fr.WriteSettings(settings...)
	}
	return p
}

type dataFrame struct {
	http2.FrameHeader
	p []byte
}

type settingsFrame struct {
	http2.FrameHeader
	all []http2.Setting
}

type goAwayFrame struct {
	http2.FrameHeader
	code http2.ErrCode
}

// want returns the next frame of type T; others before it are passed over.
func want[T http2.Frame](p *peer, what string) (f T) {
	p.t.Helper()
	for got := range p.got {
		if f, ok := got.(T); ok {
			return f
		}
		if g, ok := got.(*goAwayFrame); ok {
			p.t.Fatalf("%s: the client says GOAWAY %v", what, g.code)
		}
	}
	p.t.Fatalf("%s: the client closed the connection", what)
	return f
}

// wantReset wants a RST_STREAM.
func (p *peer) wantReset(code http2.ErrCode) {
	p.t.Helper()
	if f := want[*http2.RSTStreamFrame](p, "RST_STREAM"); f.ErrCode != code {
		p.t.Errorf("the client resets with %v, want %v", f.ErrCode, code)
	}
}

// wantGoAway wants a GOAWAY, and the end.
func (p *peer) wantGoAway(code http2.ErrCode) {
	p.t.Helper()
	said := false
	for f := range p.got {
		if g, ok := f.(*goAwayFrame); ok {
			if said = true; g.code != code {
				p.t.Errorf("GOAWAY %v, want %v", g.code, code)
			}
		}
	}
	if !said {
		p.t.Error("the connection ended without a GOAWAY")
	}
}

// headers answers a stream.
func (p *peer) headers(id uint32, end bool, fields ...string) {
	p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: end, BlockFragment: p.encode(fields...)})
}

func (p *peer) encode(fields ...string) []byte {
	p.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		p.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(p.buf.Bytes())
}

var connect = http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}

// opening is what open returned.
type opening struct {
	c    wye.Conn
	resp *http.Response
	err  error
}

// open asks for the token example over http.
func open(t *testing.T, n *network, transport wye.Carrier, header http.Header) <-chan opening {
	done := make(chan opening, 1)
	go func() { // ends with the answer, or after Timeout
		c, resp, err := wye.Dial(t.Context(), "http://example.test:8080/path?q=1", &wye.DialOptions{
			Tokens: []wye.Token{{Name: "example"}}, Header: header, Carriers: []wye.Carrier{transport}, NetDial: n.dial, Timeout: time.Minute})
		done <- opening{c, resp, err}
	}()
	return done
}

// dialogue runs f with an open stream, number 1.
func dialogue(t *testing.T, transport *h2.Transport, f func(t *testing.T, p *peer, c wye.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		done := open(t, n, transport, nil)
		p := n.accept(connect)
		want[*http2.MetaHeadersFrame](p, "the request")
		p.headers(1, false, ":status", "200")
		o := <-done
		if o.err != nil {
			t.Fatal(o.err)
		}
		f(t, p, o.c)
		transport.Close()
	})
}

// ends reads c to its end.
func ends(c wye.Conn) error {
	_, err := io.ReadAll(c)
	return err
}

var errEOF = errors.New("the end, in good order")

// readErr is why c ended.
func readErr(c wye.Conn) error {
	if err := ends(c); err != nil {
		return err
	}
	return errEOF
}
