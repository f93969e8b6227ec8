package h2c

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What is taken is a SETTINGS payload that another's framer takes, and written
// again it is the same.
func FuzzSettings(f *testing.F) {
	for _, s := range []string{"AAMAAABkAAQCAAAAAAIAAAAA", "AAQAAP__", "AAMAAABkAAQAAP__", "", "AAQ=", "AAQA", "AAIAAAAC", "AAUAAAAA", "////////", "AAQA\nAP__"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		settings, err := parseSettings(value)
		if err != nil {
			return
		}
		payload := appendSettings(nil, settings)
		if again := base64.RawURLEncoding.EncodeToString(payload); again != value {
			t.Errorf("%q became %q", value, again)
		}
		if len(settings) > maxSettings {
			t.Errorf("%d settings", len(settings))
		}
		merged := override(settings, nil)
		frame := appendSettings(appendHeader(nil, header{len(merged) * settingSize, frameSettings, 0, 0}), merged)
		got, err := http2.NewFramer(nil, bytes.NewReader(frame)).ReadFrame()
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		sent := got.(*http2.SettingsFrame)
		if sent.HasDuplicates() {
			t.Errorf("%q: a setting is there twice", value)
		}
		if err := sent.ForeachSetting(func(s http2.Setting) error { return s.Valid() }); err != nil {
			t.Errorf("%q: %v", value, err)
		}
		for _, s := range settings { // the last of each holds
			last := settings[len(settings)-1-slices.IndexFunc(reversed(settings), func(u setting) bool { return u.id == s.id })]
			if v, ok := sent.Value(http2.SettingID(s.id)); !ok || v != last.value {
				t.Errorf("%q: setting %d is %d, want %d", value, s.id, v, last.value)
			}
		}
	})
}

func reversed(s []setting) []setting {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

// Whatever the client sends and however it is split, there is no panic, and what
// the server is to read begins with what the client sent.
func FuzzClientPreface(f *testing.F) {
	f.Add([]byte(preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	f.Add([]byte(preface + "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x07more"))
	f.Add([]byte(preface + "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"))
	f.Add([]byte(preface + "\xff\xff\xff\x04\x00\x00\x00\x00\x00"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	u := upgrade{settings: []setting{{initialWindowSize, 9}}, stream1: []byte("stream 1")}
	f.Fuzz(func(t *testing.T, sent []byte) {
		whole := bytes.NewReader(sent)
		b, err := clientPreface(whole, u)
		rest := bytes.NewReader(sent)
		split, splitErr := clientPreface(iotest.OneByteReader(rest), u)
		if !bytes.Equal(b, split) || (err == nil) != (splitErr == nil) || whole.Len() != rest.Len() {
			t.Fatalf("%q: %q, %v; byte by byte %q, %v", sent, b, err, split, splitErr)
		}
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, []byte(preface)) {
			t.Errorf("the server is to read %q", b)
		}
		if inOrder := bytes.HasSuffix(b, u.stream1); inOrder {
			frame, err := http2.NewFramer(nil, bytes.NewReader(b[len(preface):])).ReadFrame()
			if err != nil {
				return // the client's own settings are not legal: the server will say so
			}
			if v, ok := frame.(*http2.SettingsFrame).Value(http2.SettingInitialWindowSize); !ok || v != 9 && !bytes.Contains(sent, []byte("\x00\x04")) {
				t.Errorf("%q: INITIAL_WINDOW_SIZE is %d", sent, v)
			}
		} else if n := len(sent) - whole.Len(); !bytes.Equal(b, sent[:n]) {
			t.Errorf("%q became %q", sent[:n], b)
		}
	})
}

// A request becomes a HEADERS frame that another's decoder takes, with the same
// fields, and leaves its dynamic table as it was.
func FuzzStream1(f *testing.F) {
	f.Add("GET", "host.example", "/path", "Name", "value")
	f.Add("OPTIONS", "", "*", "Connection", "x")
	f.Add("PUT", strings.Repeat("h", 126), "/"+strings.Repeat("p", 127), "A", strings.Repeat("v", 300))
	f.Fuzz(func(t *testing.T, method, host, target, name, value string) {
		r := &http.Request{Method: method, Host: host, RequestURI: "/" + target, Header: http.Header{http.CanonicalHeaderKey(name): {value}}}
		b, ok := stream1(r, 1<<20)
		if !ok {
			if len(method+host+target+name+value) < maxPayload-100 {
				t.Error("it does not fit")
			}
			return
		}
		frame, err := http2.NewFramer(nil, bytes.NewReader(b)).ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		h, ok := frame.(*http2.HeadersFrame)
		if !ok || h.StreamID != 1 || !h.StreamEnded() || !h.HeadersEnded() {
			t.Fatalf("got %v", frame)
		}
		decoder := hpack.NewDecoder(4096, nil)
		fields, err := decoder.DecodeFull(h.HeaderBlockFragment())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decoder.DecodeFull([]byte{1<<7 | 62}); err == nil {
			t.Error("the dynamic table has an entry")
		}
		got := make(map[string]string)
		for _, field := range fields {
			got[field.Name] = field.Value
		}
		if got[":method"] != method || got[":authority"] != host || got[":path"] != "/"+target || got[":scheme"] != "http" {
			t.Errorf("got %v", fields)
		}
		if n := len(fields); n > 5 || n == 5 && got[strings.ToLower(http.CanonicalHeaderKey(name))] != value && !strings.HasPrefix(name, ":") {
			t.Errorf("got %v", fields)
		}
	})
}

// The frames of the request are taken out, wherever the pieces begin and end, and
// nothing else is.
func FuzzSkip(f *testing.F) {
	frame := func(typ frameType, flags uint8, stream uint32, payload string) string {
		return string(appendHeader(nil, header{len(payload), typ, flags, stream})) + payload
	}
	settings := frame(frameSettings, 0, 0, "123456")
	update := frame(8, 0, 0, "1234")
	f.Add(settings, update, "the request", "", update, []byte{1, 2, 3})
	f.Add(settings, "", "", "continued", settings+update, []byte{23, 1, 9, 1})
	f.Add("", update, "a", "b", "", []byte{})
	f.Fuzz(func(t *testing.T, before, between, block, continued, after string, cuts []byte) {
		before = frame(frameSettings, 0, 0, before) + frame(frameHeaders, flagEndHeaders, 3, before) + frame(8, 0, 0, between)
		request := frame(frameHeaders, flagEndStream|flagEndHeaders, 1, block)
		if continued != "" {
			request = frame(frameHeaders, flagEndStream, 1, block) + frame(frameContinuation, flagEndHeaders, 1, continued)
		}
		sent := preface + before + request + after
		want := preface + before + after
		var s skipStream1
		var got []byte
		over := false
		for i := 0; len(sent) > 0; i++ {
			n := len(sent)
			if i < len(cuts) {
				n = min(n, int(cuts[i]))
			}
			if over {
				got = append(got, sent[:n]...)
			} else {
				var keep []byte
				keep, over = s.skip([]byte(sent[:n]))
				got = append(got, keep...)
			}
			sent = sent[n:]
		}
		if string(got) != want || !over {
			t.Errorf("got %q, over %t, want %q", got, over, want)
		}
	})
}
