package h2_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// raw is a client that the test plays, against net/http's server.
type raw struct {
	t   *testing.T
	c   *tls.Conn
	fr  *http2.Framer
	enc *hpack.Encoder
	buf bytes.Buffer
}

func newRaw(t *testing.T, srv *httptest.Server) *raw {
	t.Helper()
	c, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	r := &raw{t: t, c: c, fr: http2.NewFramer(c, c)}
	r.enc = hpack.NewEncoder(&r.buf)
	r.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	io.WriteString(c, http2.ClientPreface)
	r.fr.WriteSettings()
	return r
}

const patience = 30 * time.Second

// connect asks for a WebSocket on a stream; further fields follow, or replace
// those of the same name where they come first; "-" leaves one out.
func (r *raw) connect(id uint32, end bool, fields ...string) {
	all := []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "example.test", "sec-websocket-version", "13"}
	for i := 0; i+1 < len(fields); i += 2 {
		replaced := false
		for j := 0; j < len(all); j += 2 {
			if all[j] == fields[i] && !replaced {
				all[j+1], replaced = fields[i+1], true
			}
		}
		if !replaced {
			all = append(all, fields[i], fields[i+1])
		}
	}
	r.buf.Reset()
	for i := 0; i < len(all); i += 2 {
		if all[i+1] != "-" {
			r.enc.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
		}
	}
	r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: end, BlockFragment: r.buf.Bytes()})
}

// answer is what came on a stream: fields by name, "reset" where it was reset.
func (r *raw) answer(id uint32) map[string]string {
	r.t.Helper()
	for {
		f, err := r.fr.ReadFrame()
		if err != nil {
			r.t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if f.StreamID == id {
				fields := make(map[string]string)
				for _, h := range f.Fields {
					fields[h.Name] += h.Value
				}
				return fields
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == id {
				return map[string]string{"reset": f.ErrCode.String()}
			}
		case *http2.GoAwayFrame:
			r.t.Fatalf("GOAWAY %v", f.ErrCode)
		}
	}
}

// data returns n octets of DATA of a stream.
func (r *raw) data(id uint32, n int) (p []byte) {
	r.t.Helper()
	for len(p) < n {
		f, err := r.fr.ReadFrame()
		if err != nil {
			r.t.Fatal(err)
		}
		if d, ok := f.(*http2.DataFrame); ok && d.StreamID == id {
			p = append(p, d.Data()...)
			if d.StreamEnded() {
				break
			}
		}
	}
	return p
}
