package h2_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
)

// FuzzServer is a server that says anything once it is asked, cut anywhere: the
// client does not panic, ends in bounded time, and makes the same of it however
// it is cut.
func FuzzServer(f *testing.F) {
	say := func(frames func(fr *http2.Framer, block func(...string) []byte)) []byte {
		var out, buf bytes.Buffer
		enc := hpack.NewEncoder(&buf)
		frames(http2.NewFramer(&out, nil), func(fields ...string) []byte {
			buf.Reset()
			for i := 0; i < len(fields); i += 2 {
				enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
			}
			return bytes.Clone(buf.Bytes())
		})
		return out.Bytes()
	}
	f.Add([]byte{}, 1)
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), 3)
	f.Add(say(func(fr *http2.Framer, block func(...string) []byte) {
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: block(":status", "200")})
		fr.WriteDataPadded(1, false, []byte("hello"), make([]byte, 20))
		fr.WriteWindowUpdate(0, 1000)
		fr.WritePing(false, [8]byte{1})
		fr.WriteData(1, true, []byte("bye"))
		fr.WriteGoAway(1, http2.ErrCodeNo, nil)
	}), 7)
	f.Add(say(func(fr *http2.Framer, block func(...string) []byte) {
		fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		b := block(":status", "103", "link", "x")
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:1]})
		fr.WriteContinuation(1, true, b[1:])
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: block(":status", "403")})
		fr.WriteData(1, true, []byte("no"))
		fr.WriteRSTStream(1, http2.ErrCodeRefusedStream)
	}), 1)
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		if len(said) > 1<<16 {
			t.Skip()
		}
		first := play(t, said, len(said))
		if second := play(t, said, max(1, cut%1000)); first != second {
			t.Errorf("cut into pieces of %d it is %+v, whole %+v", max(1, cut%1000), second, first)
		}
	})
}

// outcome is what a client made of a server.
type outcome struct {
	opened, refused bool
	read            string
}

// play has a client meet a server that says said, in pieces of n octets.
func play(t *testing.T, said []byte, n int) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		transport := &h2.Transport{MaxConns: 1}
		a, b := net.Pipe()
		dialled := false
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			if dialled {
				return nil, net.ErrClosed
			}
			dialled = true
			return a, nil
		}
		done := make(chan opening, 1)
		go func() { // ends with the answer, or after Timeout
			c, resp, err := wye.Dial(t.Context(), "http://example.test/", &wye.DialOptions{
				Tokens: []wye.Token{{Name: "example"}}, Carriers: []wye.Carrier{transport}, Timeout: time.Minute, NetDial: dial})
			done <- opening{c, resp, err}
		}()
		go io.Copy(io.Discard, b) // ends with b
		http2.NewFramer(b, nil).WriteSettings(connect)
		synctest.Wait() // it has asked
		go func() {     // ends with b
			for rest := said; len(rest) > 0; {
				k := min(n, len(rest))
				if _, err := b.Write(rest[:k]); err != nil {
					return
				}
				rest = rest[k:]
			}
		}()
		got := <-done
		o.refused = got.resp != nil && got.resp.StatusCode/100 != 2
		if got.err == nil {
			o.opened = true
			got.c.SetDeadline(time.Now().Add(time.Minute))
			got.c.Write([]byte("hello"))
			p, _ := io.ReadAll(got.c)
			o.read = string(p)
			wye.Abort(got.c, nil)
		}
		transport.Close()
		b.Close()
	})
	return o
}
