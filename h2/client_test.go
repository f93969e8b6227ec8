package h2_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2"
	"github.com/wye-org/wye/websocket"
)

// RFC 8441 §4 and RFC 9113 §3.4, §8.3.1: what the client says.
func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transport h2.Transport
		defer transport.Close()
		n := newNetwork(t)
		done := open(t, n, &transport, http.Header{"X-Field": {" a b "}, "Authorization": {"secret"}, "Te": {"gzip"}, "Keep-Alive": {"5"}})
		p := n.accept()
		own := want[*settingsFrame](p, "its SETTINGS first")
		if len(own.all) == 0 || own.all[0] != (http2.Setting{ID: http2.SettingEnablePush, Val: 0}) {
			t.Errorf("its settings: %v", own.all)
		}
		synctest.Wait()
		for len(p.got) > 0 {
			if f := <-p.got; f.Header().Type == http2.FrameHeaders {
				t.Fatal("it asks before it knows whether it may, RFC 8441 §3")
			}
		}
		p.fr.WriteSettings(connect)
		var fields []string
		for _, f := range want[*http2.MetaHeadersFrame](p, "the request").Fields {
			fields = append(fields, f.Name+": "+f.Value)
			if f.Name == "authorization" && !f.Sensitive {
				t.Error("Authorization may be indexed, RFC 7541 §7.1.3")
			}
		}
		const whole = ":method: CONNECT\n:protocol: example\n:scheme: http\n:path: /path?q=1\n:authority: example.test:8080\nauthorization: secret\nx-field: a b"
		if got := strings.Join(fields, "\n"); got != whole {
			t.Errorf("it asks\n%s\nwant\n%s", got, whole)
		}
		p.headers(1, false, ":status", "103", "link", "x")
		p.headers(1, false, ":status", "200", "x-answer", "yes")
		o := <-done
		if o.err != nil || o.resp.StatusCode != 200 || o.resp.ProtoMajor != 2 || o.resp.Header.Get("X-Answer") != "yes" {
			t.Errorf("%+v", o)
		}
	})
}

// What a server must not do to a stream costs it the stream alone.
func TestStreamErrors(t *testing.T) {
	for _, x := range []struct {
		rule string
		say  func(p *peer)
		code http2.ErrCode
	}{
		{"RFC 9113 §8.1: HEADERS behind a response end the stream", func(p *peer) { p.headers(1, false, "trailer", "x") }, http2.ErrCodeProtocol},
		{"RFC 9113 §8.1: trailers have no pseudo-header fields", func(p *peer) { p.headers(1, true, ":status", "200") }, http2.ErrCodeProtocol},
		{"RFC 9113 §8.2: names are in lower case", func(p *peer) { p.headers(1, true, "Trailer", "x") }, http2.ErrCodeProtocol},
		{"RFC 9113 §8.2.2: no connection-specific fields", func(p *peer) { p.headers(1, true, "connection", "x") }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.9: a WINDOW_UPDATE of 0", func(p *peer) { p.fr.WriteRawFrame(http2.FrameWindowUpdate, 0, 1, make([]byte, 4)) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.9.1: a window over 2^31-1", func(p *peer) { p.fr.WriteWindowUpdate(1, 1<<31-1) }, http2.ErrCodeFlowControl},
		{"RFC 9113 §6.9: more than the stream's window", func(p *peer) {
			for range 4 {
				p.fr.WriteData(1, false, make([]byte, 16<<10))
			}
		}, http2.ErrCodeFlowControl},
	} {
		t.Run(x.rule, func(t *testing.T) {
			dialogue(t, &h2.Transport{Window: 1}, func(t *testing.T, p *peer, c wye.Conn) { // 65,535
				x.say(p)
				p.wantReset(x.code)
				if err := readErr(c); errors.Is(err, errEOF) {
					t.Error("the stream ends in good order")
				}
				p.fr.WritePing(false, [8]byte{1})
				want[*http2.PingFrame](p, "the connection goes on")
			})
		})
	}
}

// What a server must not do to a connection ends it, with the right code.
func TestConnectionErrors(t *testing.T) {
	setting := func(id http2.SettingID, v uint32) func(p *peer) {
		return func(p *peer) { p.fr.WriteSettings(http2.Setting{ID: id, Val: v}) }
	}
	for _, x := range []struct {
		rule string
		say  func(p *peer)
		code http2.ErrCode
	}{
		{"RFC 8441 §3: ENABLE_CONNECT_PROTOCOL is not taken back", setting(http2.SettingEnableConnectProtocol, 0), http2.ErrCodeProtocol},
		{"RFC 8441 §3: its values", setting(http2.SettingEnableConnectProtocol, 2), http2.ErrCodeProtocol},
		{"RFC 9113 §6.5.2: ENABLE_PUSH of a server", setting(http2.SettingEnablePush, 1), http2.ErrCodeProtocol},
		{"RFC 9113 §6.5.2: INITIAL_WINDOW_SIZE", setting(http2.SettingInitialWindowSize, 1<<31), http2.ErrCodeFlowControl},
		{"RFC 9113 §6.5.2: MAX_FRAME_SIZE", setting(http2.SettingMaxFrameSize, 1), http2.ErrCodeProtocol},
		{"RFC 9113 §6.9.2: INITIAL_WINDOW_SIZE that makes a window overflow", func(p *peer) {
			p.fr.WriteWindowUpdate(1, 1<<30)
			p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		}, http2.ErrCodeFlowControl},
		{"RFC 9113 §6.5: SETTINGS on a stream", func(p *peer) { p.fr.WriteRawFrame(http2.FrameSettings, 0, 1, nil) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.5: SETTINGS of an odd length", func(p *peer) { p.fr.WriteRawFrame(http2.FrameSettings, 0, 0, []byte{1}) }, http2.ErrCodeFrameSize},
		{"RFC 9113 §6.5: ACK with settings", func(p *peer) { p.fr.WriteRawFrame(http2.FrameSettings, http2.FlagSettingsAck, 0, make([]byte, 6)) }, http2.ErrCodeFrameSize},
		{"RFC 9113 §6.6: PUSH_PROMISE", func(p *peer) {
			p.fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true, BlockFragment: p.encode(":method", "GET")})
		}, http2.ErrCodeProtocol},
		{"RFC 9113 §6.7: PING on a stream", func(p *peer) { p.fr.WriteRawFrame(http2.FramePing, 0, 1, make([]byte, 8)) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.7: PING of 7 octets", func(p *peer) { p.fr.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7)) }, http2.ErrCodeFrameSize},
		{"RFC 9113 §6.1: DATA on stream 0", func(p *peer) { p.fr.WriteRawFrame(http2.FrameData, 0, 0, nil) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.1: padding longer than the frame", func(p *peer) {
			p.fr.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{9, 1})
		}, http2.ErrCodeProtocol},
		{"RFC 9113 §5.1: DATA on an idle stream", func(p *peer) { p.fr.WriteData(3, false, []byte("x")) }, http2.ErrCodeProtocol},
		{"RFC 9113 §5.1: HEADERS on an idle stream", func(p *peer) { p.headers(3, false, ":status", "200") }, http2.ErrCodeProtocol},
		{"RFC 9113 §5.1.1: a server's stream", func(p *peer) { p.headers(2, false, ":status", "200") }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.4: RST_STREAM on an idle stream", func(p *peer) { p.fr.WriteRSTStream(5, http2.ErrCodeCancel) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.4: RST_STREAM of 3 octets", func(p *peer) { p.fr.WriteRawFrame(http2.FrameRSTStream, 0, 1, make([]byte, 3)) }, http2.ErrCodeFrameSize},
		{"RFC 9113 §6.9: WINDOW_UPDATE on an idle stream", func(p *peer) { p.fr.WriteWindowUpdate(7, 1) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.9: a WINDOW_UPDATE of 0 for the connection", func(p *peer) { p.fr.WriteRawFrame(http2.FrameWindowUpdate, 0, 0, make([]byte, 4)) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.9.1: the connection's window over 2^31-1", func(p *peer) { p.fr.WriteWindowUpdate(0, 1<<31-1) }, http2.ErrCodeFlowControl},
		{"RFC 9113 §4.2: a frame over SETTINGS_MAX_FRAME_SIZE", func(p *peer) { p.fr.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 16385)) }, http2.ErrCodeFrameSize},
		{"RFC 9113 §4.3: a header block that does not decode", func(p *peer) {
			p.fr.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, []byte{0xff, 0xff, 0xff})
		}, http2.ErrCodeCompression},
		{"RFC 9113 §6.10: CONTINUATION without HEADERS", func(p *peer) { p.fr.WriteRawFrame(http2.FrameContinuation, 0, 1, nil) }, http2.ErrCodeProtocol},
		{"RFC 9113 §6.2: another frame inside a header block", func(p *peer) {
			p.fr.WriteRawFrame(http2.FrameHeaders, 0, 1, nil)
			p.fr.WritePing(false, [8]byte{})
		}, http2.ErrCodeProtocol},
		{"CVE-2023-45288: CONTINUATION without end", func(p *peer) {
			p.fr.WriteRawFrame(http2.FrameHeaders, 0, 1, nil)
			for range 10_000 {
				p.fr.WriteRawFrame(http2.FrameContinuation, 0, 1, nil)
			}
		}, http2.ErrCodeEnhanceYourCalm},
		{"a SETTINGS frame of thousands", func(p *peer) {
			p.fr.WriteRawFrame(http2.FrameSettings, 0, 0, bytes.Repeat([]byte{0, 99, 0, 0, 0, 0}, 2000))
		}, http2.ErrCodeEnhanceYourCalm},
	} {
		t.Run(x.rule, func(t *testing.T) {
			dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
				x.say(p)
				p.wantGoAway(x.code)
				if err := readErr(c); errors.Is(err, errEOF) {
					t.Error("the stream ends in good order")
				}
				if _, err := c.Write([]byte("x")); err == nil {
					t.Error("a write behind the connection's end")
				}
			})
		})
	}
}

// The first frame has to be SETTINGS, RFC 9113 §3.4; without extended CONNECT in
// it nothing is asked, RFC 8441 §3.
func TestPreface(t *testing.T) {
	for name, x := range map[string]struct {
		say  func(p *peer)
		want error
	}{
		"a PING first":   {func(p *peer) { p.fr.WritePing(false, [8]byte{}) }, nil},
		"an ACK first":   {func(p *peer) { p.fr.WriteSettingsAck() }, nil},
		"no HTTP/2":      {func(p *peer) { io.WriteString(p.nc, "HTTP/1.1 400 Bad Request\r\n\r\n") }, nil},
		"no CONNECT":     {func(p *peer) { p.fr.WriteSettings() }, h2.ErrNoConnect},
		"the end":        {func(p *peer) { p.nc.Close() }, io.ErrUnexpectedEOF},
		"nothing at all": {func(*peer) {}, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var transport h2.Transport
				defer transport.Close()
				n := newNetwork(t)
				done := open(t, n, &transport, nil)
				p := n.accept()
				x.say(p)
				o := <-done
				if o.err == nil || x.want == h2.ErrNoConnect && !errors.Is(o.err, x.want) {
					t.Error(o.err)
				}
				for f := range p.got {
					if f.Header().Type == http2.FrameHeaders {
						t.Error("it asks all the same")
					}
				}
			})
		})
	}
}

// A refusal has its status, fields and body; what is no response has none.
func TestResponses(t *testing.T) {
	for _, x := range []struct {
		name   string
		answer func(p *peer)
		status int // 0: an error that is no refusal
		body   string
	}{
		{"a refusal", func(p *peer) {
			p.headers(1, false, ":status", "403", "content-type", "text/plain")
			p.fr.WriteData(1, false, []byte("not "))
			p.fr.WriteData(1, true, []byte("you"))
		}, 403, "not you"},
		{"a refusal without an end", func(p *peer) {
			p.headers(1, false, ":status", "500")
			p.fr.WriteData(1, false, []byte("broken"))
		}, 500, "broken"},
		{"a redirect without a body", func(p *peer) { p.headers(1, true, ":status", "302", "location", "/x") }, 302, ""},
		{"no status", func(p *peer) { p.headers(1, false, "x", "y") }, 0, ""},
		{"a status of letters", func(p *peer) { p.headers(1, false, ":status", "2xx") }, 0, ""},
		{"a request", func(p *peer) { p.headers(1, false, ":method", "GET", ":path", "/") }, 0, ""},
		{"a 101", func(p *peer) { p.headers(1, false, ":status", "101") }, 0, ""},
		{"a 1xx that ends the stream", func(p *peer) { p.headers(1, true, ":status", "103") }, 0, ""},
		{"informational responses without end", func(p *peer) {
			for range 20 {
				p.headers(1, false, ":status", "103")
			}
		}, 0, ""},
		{"Transfer-Encoding", func(p *peer) { p.headers(1, false, ":status", "200", "transfer-encoding", "chunked") }, 0, ""},
		{"DATA first", func(p *peer) { p.fr.WriteData(1, false, []byte("x")) }, 0, ""},
		{"a head of 20 KiB", func(p *peer) {
			p.headers(1, false, ":status", "200", "x", strings.Repeat("x", 15<<10), "y", strings.Repeat("y", 5<<10))
		}, 0, ""},
		{"a reset", func(p *peer) { p.fr.WriteRSTStream(1, http2.ErrCodeInternal) }, 0, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var transport h2.Transport
				defer transport.Close()
				n := newNetwork(t)
				done := open(t, n, &transport, nil)
				p := n.accept(connect)
				want[*http2.MetaHeadersFrame](p, "the request")
				began := time.Now()
				x.answer(p)
				o := <-done
				if d := time.Since(began); d > 2*time.Second {
					t.Errorf("it took %v: the answer was waited for still", d)
				}
				var refused *wye.RefusedError
				if errors.As(o.err, &refused) != (x.status != 0) || o.err == nil {
					t.Fatal(o.err)
				}
				if x.status != 0 && (refused.Response.StatusCode != x.status || string(refused.Body) != x.body) {
					t.Errorf("%v %q", refused.Response.Status, refused.Body)
				}
			})
		})
	}
}

// What is read is granted again, padding too; what is not read is not.
func TestReceiveWindows(t *testing.T) {
	dialogue(t, &h2.Transport{Window: 1}, func(t *testing.T, p *peer, c wye.Conn) {
		for len(p.got) > 0 {
			<-p.got
		}
		for range 2 {
			p.fr.WriteData(1, false, make([]byte, 16<<10))
		}
		synctest.Wait()
		if len(p.got) > 0 {
			t.Errorf("%v: nothing was read yet", <-p.got)
		}
		if _, err := io.ReadFull(c, make([]byte, 32<<10)); err != nil {
			t.Fatal(err)
		}
		if f := want[*http2.WindowUpdateFrame](p, "a WINDOW_UPDATE"); f.StreamID != 1 || f.Increment != 32<<10 {
			t.Errorf("%v", f)
		}
		for range 200 { // 100 octets of flow control each, one of them DATA
			p.fr.WriteDataPadded(1, false, []byte("x"), make([]byte, 250))
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if f := want[*http2.WindowUpdateFrame](p, "a WINDOW_UPDATE for padding"); f.StreamID != 1 {
			t.Errorf("%v", f)
		}
		// Another stream's data does not wait for this one's reader.
		for range 40 {
			p.fr.WriteData(1, false, make([]byte, 1000))
		}
	})
}

// RFC 9113 §6.9.1, §6.9.2: what is sent keeps to both windows, however they
// change.
func TestSendWindows(t *testing.T) {
	dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
		received := func() (n int) {
			synctest.Wait()
			for len(p.got) > 0 {
				if d, ok := (<-p.got).(*dataFrame); ok {
					if n += len(d.p); len(d.p) > 16<<10 {
						t.Errorf("a frame of %d octets", len(d.p))
					}
				}
			}
			return n
		}
		wrote := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, 200_000))
			wrote <- err
		}()
		total := received()
		if total != 65_535 {
			t.Errorf("%d octets at first, want 65,535", total)
		}
		p.fr.WriteWindowUpdate(1, 1000)
		if n := received(); n != 0 {
			t.Errorf("%d octets over the connection's window", n)
		}
		p.fr.WriteWindowUpdate(0, 5000)
		if n := received(); n != 1000 {
			t.Errorf("%d octets, want 1,000", n)
		}
		p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65_535 - 10_000})
		p.fr.WriteWindowUpdate(1, 10_500) // 500 above nothing
		if n := received(); n != 500 {
			t.Errorf("%d octets behind a smaller INITIAL_WINDOW_SIZE, want 500", n)
		}
		p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65_535})
		if n := received(); n != 3500 {
			t.Errorf("%d octets behind a larger INITIAL_WINDOW_SIZE, want 3,500", n)
		}
		p.fr.WriteWindowUpdate(0, 1<<20)
		p.fr.WriteWindowUpdate(1, 1<<20)
		if n := received(); n != 200_000-65_535-1000-500-3500 {
			t.Errorf("%d octets at last", n)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	})
}

// Deadlines pass, and are set anew.
func TestDeadlines(t *testing.T) {
	dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
		for range 2 {
			c.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			c.SetReadDeadline(time.Time{})
			p.fr.WriteData(1, false, []byte("x"))
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		c.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := c.Write(make([]byte, 100_000))
		if n != 65_535 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(n, err)
		}
		c.SetWriteDeadline(time.Time{})
		p.fr.WriteWindowUpdate(0, 1<<20)
		p.fr.WriteWindowUpdate(1, 1<<20)
		if n, err := c.Write(make([]byte, 100_000)); n != 100_000 || err != nil {
			t.Fatal(n, err)
		}
	})
}

// How a stream ends is what the other end sees. RFC 8441 §5.
func TestEnds(t *testing.T) {
	t.Run("CloseWrite", func(t *testing.T) {
		dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
			c.Write([]byte("last"))
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if d := want[*dataFrame](p, "DATA"); string(d.p) != "last" {
				t.Errorf("%q", d.p)
			}
			if d := want[*dataFrame](p, "END_STREAM"); !d.Flags.Has(http2.FlagDataEndStream) {
				t.Error("CloseWrite sends no END_STREAM")
			}
			if _, err := c.Write([]byte("x")); err == nil {
				t.Error("a write behind CloseWrite")
			}
			p.fr.WriteData(1, true, []byte("bye"))
			if b, err := io.ReadAll(c); string(b) != "bye" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
		})
	})
	t.Run("Abort", func(t *testing.T) {
		dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
			wye.Abort(c, nil)
			p.wantReset(http2.ErrCodeCancel)
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	})
	t.Run("Close", func(t *testing.T) {
		dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
			c.Close()
			if d := want[*dataFrame](p, "END_STREAM"); !d.Flags.Has(http2.FlagDataEndStream) {
				t.Error("Close sends no END_STREAM")
			}
			began := time.Now()
			p.wantReset(http2.ErrCodeCancel)
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("a server that does not end its direction is reset after %v", took)
			}
		})
	})
	t.Run("Close, and the server sends on", func(t *testing.T) {
		dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
			c.Close()
			began := time.Now()
			p.fr.WriteData(1, false, []byte("x"))
			p.wantReset(http2.ErrCodeCancel)
			if d := time.Since(began); d != 0 {
				t.Errorf("the server sent on for %v", d)
			}
		})
	})
	t.Run("the server's reset", func(t *testing.T) {
		dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
			p.fr.WriteData(1, false, []byte("before"))
			p.fr.WriteRSTStream(1, http2.ErrCodeInternal)
			b, err := io.ReadAll(c)
			var reset *h2.ResetError
			if string(b) != "before" || !errors.As(err, &reset) || reset.Code != uint32(http2.ErrCodeInternal) {
				t.Errorf("%q, %v", b, err)
			}
		})
	})
	t.Run("the end and NO_ERROR", func(t *testing.T) { // as net/http ends a stream
		dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
			p.fr.WriteData(1, true, []byte("bye"))
			p.fr.WriteRSTStream(1, http2.ErrCodeNo)
			if b, err := io.ReadAll(c); string(b) != "bye" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
		})
	})
	t.Run("DATA behind the end", func(t *testing.T) {
		dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
			p.fr.WriteData(1, true, nil)
			p.fr.WriteData(1, false, []byte("x"))
			p.wantReset(http2.ErrCodeStreamClosed)
		})
	})
}

// PINGs are answered, SETTINGS acknowledged; who asks for very much and reads
// nothing is cut off.
func TestReplies(t *testing.T) {
	dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {
		p.fr.WritePing(false, [8]byte{1, 2, 3})
		if f := want[*http2.PingFrame](p, "a PING"); !f.IsAck() || f.Data != [8]byte{1, 2, 3} {
			t.Errorf("%v", f)
		}
		p.fr.WriteRawFrame(99, 255, 1, []byte("unknown")) // RFC 9113 §4.1
		p.fr.WriteSettings(http2.Setting{ID: 0x99, Val: 7}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		for {
			if f := want[*settingsFrame](p, "an acknowledgement"); f.Flags.Has(http2.FlagSettingsAck) {
				break
			}
		}
	})
}

func TestPingFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transport h2.Transport
		defer transport.Close()
		n := newNetwork(t)
		done := open(t, n, &transport, nil)
		nc := <-n.dials
		defer nc.Close()
		io.ReadFull(nc, make([]byte, len(http2.ClientPreface))) // and then nothing
		fr := http2.NewFramer(nc, nil)
		nc.SetWriteDeadline(time.Now().Add(time.Hour))
		fr.WriteSettings(connect)
		for i := 0; ; i++ {
			if err := fr.WritePing(false, [8]byte{}); err != nil {
				break
			}
			if i > 20_000 {
				t.Fatal("20,000 answers are queued for a server that does not read")
			}
		}
		if o := <-done; o.err == nil {
			t.Error("a connection")
		}
	})
}

// GOAWAY: streams that the server has looked at go on, others are asked for
// again elsewhere. RFC 9113 §6.8
func TestGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transport h2.Transport
		defer transport.Close()
		n := newNetwork(t)
		first := open(t, n, &transport, nil)
		p := n.accept(connect)
		want[*http2.MetaHeadersFrame](p, "the first request")
		p.headers(1, false, ":status", "200")
		one := <-first
		second := open(t, n, &transport, nil)
		want[*http2.MetaHeadersFrame](p, "the second request, on the same connection")
		p.fr.WriteGoAway(1, http2.ErrCodeNo, nil)
		q := n.accept(connect)
		want[*http2.MetaHeadersFrame](q, "the second request, again")
		q.headers(1, false, ":status", "200")
		two := <-second
		if one.err != nil || two.err != nil {
			t.Fatal(one.err, two.err)
		}
		p.fr.WriteData(1, true, []byte("still here"))
		if b, err := io.ReadAll(one.c); string(b) != "still here" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		one.c.Close()
		began := time.Now()
		p.wantGoAway(http2.ErrCodeNo) // nothing is left on it
		if d := time.Since(began); d != 0 {
			t.Errorf("it was closed %v after its last stream", d)
		}
		two.c.Close()
	})
}

// A refused stream is asked for again; not for ever.
func TestRefusedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transport h2.Transport
		defer transport.Close()
		n := newNetwork(t)
		done := open(t, n, &transport, nil)
		p := n.accept(connect)
		for i := range 3 {
			want[*http2.MetaHeadersFrame](p, "the request")
			p.fr.WriteRSTStream(uint32(2*i+1), http2.ErrCodeRefusedStream)
		}
		if o := <-done; o.err == nil {
			t.Error("a connection")
		}
		synctest.Wait()
		for len(p.got) > 0 {
			if f := <-p.got; f.Header().Type == http2.FrameHeaders {
				t.Error("it asks on and on")
			}
		}
	})
}

// No more streams than the server and the Transport say; who waits gets the next.
func TestMaxStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &h2.Transport{MaxConns: 1}
		defer transport.Close()
		n := newNetwork(t)
		first := open(t, n, transport, nil)
		p := n.accept(connect, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
		want[*http2.MetaHeadersFrame](p, "the first request")
		p.headers(1, false, ":status", "200")
		one := <-first
		second := open(t, n, transport, nil)
		synctest.Wait()
		for len(p.got) > 0 {
			if f := <-p.got; f.Header().Type == http2.FrameHeaders {
				t.Fatal("two streams where the server takes one")
			}
		}
		if len(n.dials) > 0 {
			t.Fatal("two connections where one is the bound")
		}
		wye.Abort(one.c, nil)
		want[*http2.MetaHeadersFrame](p, "the second request")
		p.headers(3, false, ":status", "200")
		two := <-second
		if two.err != nil {
			t.Fatal(two.err)
		}
		third := open(t, n, transport, nil)
		synctest.Wait()
		p.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2})
		want[*http2.MetaHeadersFrame](p, "the third request")
		p.headers(5, false, ":status", "200")
		if o := <-third; o.err != nil {
			t.Error(o.err)
		}
	})
}

// A connection without streams is closed after IdleTimeout, and not before.
func TestIdleTimeout(t *testing.T) {
	dialogue(t, &h2.Transport{IdleTimeout: time.Minute}, func(t *testing.T, p *peer, c wye.Conn) {
		time.Sleep(time.Hour)
		p.fr.WriteData(1, true, nil)
		c.CloseWrite()
		if err := readErr(c); !errors.Is(err, errEOF) {
			t.Errorf("an hour later: %v", err)
		}
		c.Close()
		began := time.Now()
		p.wantGoAway(http2.ErrCodeNo)
		if d := time.Since(began); d != time.Minute {
			t.Errorf("closed after %v", d)
		}
	})
}

// A Transport that is closed ends its streams and opens none.
func TestTransportClose(t *testing.T) {
	dialogue(t, new(h2.Transport), func(t *testing.T, p *peer, c wye.Conn) {})
	var transport h2.Transport
	transport.Close()
	o := <-open(t, newNetwork(t), &transport, nil)
	if !errors.Is(o.err, h2.ErrClosed) {
		t.Error(o.err)
	}
}

// What a server does not read is not held beyond 64 KiB.
func TestSendBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transport h2.Transport
		defer transport.Close()
		n := newNetwork(t)
		done := open(t, n, &transport, nil)
		nc := <-n.dials
		defer nc.Close()
		said := make([]byte, 1<<16)
		var block bytes.Buffer
		hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		nc.Read(said)
		fr := http2.NewFramer(nc, nil)
		fr.WriteSettings(connect, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		for { // until it has asked
			nc.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := nc.Read(said); err != nil {
				break
			}
		}
		fr.WriteWindowUpdate(0, 1<<30)
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: block.Bytes()})
		o := <-done
		if o.err != nil {
			t.Fatal(o.err)
		}
		o.c.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := o.c.Write(make([]byte, 1<<20)); n > 128<<10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d octets were taken, %v", n, err)
		}
	})
}

// SETTINGS_MAX_HEADER_LIST_SIZE, RFC 9113 §6.5.2; the connection goes on.
func TestServersMaxHeaderList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transport h2.Transport
		defer transport.Close()
		n := newNetwork(t)
		done := open(t, n, &transport, http.Header{"X": {strings.Repeat("x", 1000)}})
		p := n.accept(connect, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 1000})
		if o := <-done; o.err == nil || !strings.Contains(o.err.Error(), "the server takes 1000") {
			t.Error(o.err)
		}
		second := open(t, n, &transport, nil)
		want[*http2.MetaHeadersFrame](p, "a shorter request")
		p.headers(1, false, ":status", "200")
		if o := <-second; o.err != nil {
			t.Error(o.err)
		}
	})
}

// Attempts share a connection only where all is the same that leads to it.
func TestWhatIsShared(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(endpoint(websocket.AcceptOptions{}))
	srv.EnableHTTP2 = true
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.StartTLS()
	defer srv.Close()
	transport := newTransport(t)
	proxy := func(user string) func(*http.Request) (*url.URL, error) {
		return func(*http.Request) (*url.URL, error) {
			return &url.URL{Scheme: "http", User: url.User(user), Host: "proxy.test:1"}, nil
		}
	}
	// A proxy that leads to the server.
	via := func(ctx context.Context, _, address string) (net.Conn, error) {
		a, b := net.Pipe()
		go func() { // ends with the connection
			http.ReadRequest(bufio.NewReader(b))
			io.WriteString(b, "HTTP/1.1 200 OK\r\n\r\n")
			out, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				b.Close()
				return
			}
			go func() { io.Copy(out, b); out.Close() }()
			io.Copy(b, out)
			b.Close()
		}()
		return a, nil
	}
	other := insecure.Clone()
	for i, x := range []struct {
		opts websocket.DialOptions
		want int32
	}{
		{websocket.DialOptions{TLSConfig: insecure}, 1},
		{websocket.DialOptions{TLSConfig: insecure}, 1},
		{websocket.DialOptions{TLSConfig: other}, 2},
		{websocket.DialOptions{TLSConfig: insecure, Proxy: proxy("a"), NetDial: via}, 3},
		{websocket.DialOptions{TLSConfig: insecure, Proxy: proxy("a"), NetDial: via}, 3},
		{websocket.DialOptions{TLSConfig: insecure, Proxy: proxy("b"), NetDial: via}, 4},
		{websocket.DialOptions{TLSConfig: other}, 4},
	} {
		x.opts.Carriers = []wye.Carrier{transport}
		c, _, err := websocket.Dial(t.Context(), srv.URL, &x.opts)
		if err != nil {
			t.Fatal(i, err)
		}
		defer c.CloseNow()
		if n := conns.Load(); n != x.want {
			t.Errorf("dial %d: %d connections, want %d", i, n, x.want)
		}
	}
}

// A TLS server that knows no ALPN does not speak HTTP/2.
func TestNoALPN(t *testing.T) {
	srv := httptest.NewTLSServer(nil) // for its certificate
	defer srv.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: srv.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // ends with l
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.(*tls.Conn).Handshake()
			defer c.Close()
		}
	}()
	_, _, err = dialOver(t.Context(), newTransport(t), "https://"+l.Addr().String(), nil)
	if !errors.Is(err, h2.ErrNoHTTP2) {
		t.Error(err)
	}
}
