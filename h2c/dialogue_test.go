package h2c

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wye-org/wye/internal/talk"
)

// report is a handler that answers with what it sees of a request.
var report = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s host %s, body %d %v, TLS %t\n", r.Proto, r.Method, r.RequestURI, r.Host, len(body), err, r.TLS != nil)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
	}
})

var quiet = slog.New(slog.DiscardHandler)

// serve runs a server with the upgrade; nil: report.
func serve(t testing.TB, h http.Handler, opts *Options) (srv *http.Server, address string) {
	t.Helper()
	if h == nil {
		h = report
	}
	if opts == nil {
		opts = &Options{Logger: quiet}
	}
	srv = &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelError)}
	Enable(srv, opts)
	return srv, start(t, srv)
}

func start(t testing.TB, srv *http.Server) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { // ends with srv; waited for below
		defer close(served)
		srv.Serve(l)
	}()
	t.Cleanup(func() { srv.Close(); <-served })
	return l.Addr().String()
}

const (
	ask = "GET /path?query HTTP/1.1\r\nHost: host.example\r\n" + asking + "\r\n"
	// asking is what the upgrade needs: INITIAL_WINDOW_SIZE is 65,535.
	asking   = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAQAAP__\r\n"
	switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
)

// framed speaks HTTP/2 by another's framer.
type framed struct {
	*http2.Framer
	*talk.Peer
	t       testing.TB
	encoder *hpack.Encoder
	block   *bytes.Buffer
	acks    int // SETTINGS that were acknowledged
}

// begin sends the preface and a SETTINGS frame, and wants the server's.
func begin(t testing.TB, p *talk.Peer, settings ...http2.Setting) *framed {
	t.Helper()
	p.Say(preface)
	f := &framed{Framer: http2.NewFramer(p.Conn, p.Read), Peer: p, t: t, block: new(bytes.Buffer)}
	f.encoder = hpack.NewEncoder(f.block)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.check(f.WriteSettings(settings...))
	// "The first HTTP/2 frame sent by the server MUST be a server connection
	// preface … consisting of a SETTINGS frame" RFC 7540 §3.2
	if first, ok := f.next().(*http2.SettingsFrame); !ok || first.IsAck() {
		t.Fatalf("the server's first frame is %v", first)
	}
	f.check(f.WriteSettingsAck())
	return f
}

func (f *framed) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// next reads a frame.
func (f *framed) next() http2.Frame {
	f.t.Helper()
	frame, err := f.ReadFrame()
	f.check(err)
	if s, ok := frame.(*http2.SettingsFrame); ok && s.IsAck() {
		f.acks++
	}
	return frame
}

// response reads a stream's response.
func (f *framed) response(stream uint32) (status, body string) {
	f.t.Helper()
	var b strings.Builder
	for {
		frame := f.next()
		if frame.Header().StreamID != stream {
			if frame.Header().StreamID != 0 {
				f.t.Fatalf("got %v, want stream %d", frame, stream)
			}
			continue
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			status = frame.PseudoValue("status")
			if frame.StreamEnded() {
				return status, b.String()
			}
		case *http2.DataFrame:
			b.Write(frame.Data())
			if frame.StreamEnded() {
				return status, b.String()
			}
		default:
			f.t.Fatalf("got %v", frame)
		}
	}
}

// get asks for path on a new stream.
func (f *framed) get(stream uint32, path string, more ...hpack.HeaderField) {
	f.t.Helper()
	f.block.Reset()
	for _, field := range append([]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"},
		{Name: ":authority", Value: "host.example"}, {Name: ":path", Value: path}}, more...) {
		f.check(f.encoder.WriteField(field))
	}
	f.check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.block.Bytes(), EndStream: true, EndHeaders: true}))
}
