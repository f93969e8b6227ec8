package conform

import (
	"net"
	"strings"
	"testing"
	"time"
)

// hear feeds bytes to a reader, as a server's, in the pieces given, and returns
// what it makes of them.
func hear(deflate bool, pieces ...string) (events []event) {
	ours, theirs := net.Pipe()
	r := newReader(ours, &wireLog{start: time.Now()}, Server)
	if deflate {
		r.inflate, r.window = new(inflater), 512
	}
	done := make(chan struct{})
	go func() { // ends when theirs is closed
		defer close(done)
		r.run(nil)
	}()
	for _, p := range pieces {
		if len(p) > 0 {
			_, _ = theirs.Write([]byte(p))
		}
	}
	_ = theirs.Close()
	<-done
	for {
		e, ok := r.pop()
		if !ok {
			return events
		}
		events = append(events, e)
	}
}

func words(events []event) string {
	var parts []string
	for _, e := range events {
		parts = append(parts, e.String())
	}
	return strings.Join(parts, ", ")
}

// What no endpoint may send, in the order of RFC 6455 §5 and RFC 7692 §6 and §7.
func TestIllegalFramesAreSeen(t *testing.T) {
	far, _ := farMatch([]byte("abcdefgh"), 600)
	for _, c := range []struct {
		name, sent, want string
		deflate          bool
	}{
		{"text", "\x81\x02hi", `text "hi", TCP closed`, false},
		{"fragments", "\x01\x01h\x89\x00\x80\x01i", `ping "", text "hi" in 2 frames, TCP closed`, false},
		{"RSV1", "\xC1\x02hi", "illegal: a text frame with RSV1 without permessage-deflate, TCP closed", false},
		{"RSV2", "\xA1\x02hi", "illegal: a text frame with reserved bits 0x20, TCP closed", false},
		{"RSV3 on a ping", "\x99\x00", "illegal: a ping frame with reserved bits 0x10, TCP closed", false},
		{"RSV1 on a ping", "\xC9\x00", "illegal: a ping frame with RSV1, TCP closed", true},
		{"RSV1 on a continuation", "\x41\x01\x00\xC0\x00", "illegal: a continuation frame with RSV1, TCP closed", true},
		{"opcode 3", "\x83\x00", "illegal: a frame with the reserved opcode 0x3, TCP closed", false},
		{"opcode B", "\x8B\x00", "illegal: a frame with the reserved opcode 0xB, TCP closed", false},
		{"long ping", "\x89\x7E\x00\x7E" + strings.Repeat("*", 126), "illegal: a ping frame with 126 bytes of payload, TCP closed", false},
		{"fragmented ping", "\x09\x00", "illegal: a fragmented ping frame, TCP closed", false},
		{"stray continuation", "\x80\x00", "illegal: a continuation frame with no message to continue, TCP closed", false},
		{"nested text", "\x01\x00\x81\x00", "illegal: a text frame inside another message, TCP closed", false},
		{"bad UTF-8", "\x01\x01\xFF\x80\x00", "illegal: a text message that is not UTF-8, TCP closed", false},
		{"cut UTF-8", "\x81\x01\xCE", "illegal: a text message that ends inside a code point, TCP closed", false},
		{"UTF-8 over fragments", "\x01\x01\xCE\x80\x01\xBA", `text "κ" in 2 frames, TCP closed`, false},
		{"binary is any bytes", "\x82\x01\xFF", "binary <ff>, TCP closed", false},
		{"Close", "\x88\x05\x03\xE8bye", `close 1000 "bye", TCP closed`, false},
		{"Close without a code", "\x88\x00", "close without a code, TCP closed", false},
		{"Close with a byte", "\x88\x01\x03", "illegal: a Close frame with a single byte of payload, TCP closed", false},
		{"Close with 1005", "\x88\x02\x03\xED", "illegal: a Close frame with the code 1005, which must not be sent, TCP closed", false},
		{"Close with a bad reason", "\x88\x03\x03\xE8\xFF", "illegal: a Close frame whose reason is not UTF-8, TCP closed", false},
		{"text after Close", "\x88\x00\x81\x00", "close without a code, illegal: a text frame after the Close frame, TCP closed", false},
		{"ping after Close", "\x88\x00\x89\x00", "close without a code, illegal: a ping frame after the Close frame, TCP closed", false},
		{"a huge frame", "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "illegal: a frame of 9223372036854775807 bytes, TCP closed", false},
		{"compressed", "\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00", `text "Hello", TCP closed`, true},                                                  // RFC 7692 §7.2.3.1
		{"compressed, twice", "\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00\xC1\x05\xF2\x00\x11\x00\x00", `text "Hello", text "Hello", TCP closed`, true}, // §7.2.3.2
		{"compressed, final", "\xC1\x08\xF3\x48\xCD\xC9\xC9\x07\x00\x00", `text "Hello", TCP closed`, true},                                       // §7.2.3.4
		{"damaged", "\xC1\x02\x06\x00", "illegal: a compressed message that does not inflate: a block has the reserved type 3, TCP closed", true},
		{"compressed bad UTF-8", "\xC1" + string(rune(len(literalMessage([]byte{0xFF})))) + string(literalMessage([]byte{0xFF})), "illegal: a compressed text message that is not UTF-8, TCP closed", true},
		{"past the window", "\xC2\x7E" + string([]byte{byte(len(far) >> 8), byte(len(far))}) + string(far), "illegal: a match 600 bytes back where the agreed window is 512 bytes, TCP closed", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := words(hear(c.deflate, c.sent)); got != c.want {
				t.Errorf("heard %s\nwant  %s", got, c.want)
			}
		})
	}
}

// What is counted is seen whatever else the frames are.
func TestTheTallyCounts(t *testing.T) {
	ours, theirs := net.Pipe()
	r := newReader(ours, &wireLog{start: time.Now()}, Client)
	done := make(chan struct{})
	go func() { // ends when theirs is closed
		defer close(done)
		r.run(nil)
	}()
	key := [4]byte{1, 2, 3, 4}
	for _, p := range [][]byte{
		appendFrame(nil, Frame{Op: opText, Payload: []byte("a")}, true, key),
		appendFrame(nil, Frame{Op: opText, Payload: []byte("b")}, true, key),
		appendFrame(nil, Frame{Op: opText, Payload: []byte("c")}, true, [4]byte{}),
		appendFrame(nil, Frame{Op: opText, Payload: []byte("d"), Form: Length64}, false, key),
		appendHead(nil, Frame{Op: opText, Payload: []byte("e")}, true, key),
		{'e' ^ 1},
	} {
		_, _ = theirs.Write(p)
	}
	_ = theirs.Close()
	<-done
	want := tally{frames: 5, wrongMask: 1, longForm: 1, headerAlone: 1, sameKey: 1, zeroKey: 1}
	if got := r.counts(); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// However TCP cuts the bytes, the same events come; and no bytes panic.
func FuzzReader(f *testing.F) {
	f.Add("\x01\x01h\x89\x00\x80\x01i\x88\x02\x03\xE8", 3, false)
	f.Add("\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00", 5, true)
	f.Add("\x81\xFE\x00\x7E", 1, false)
	f.Fuzz(func(t *testing.T, sent string, cut int, deflate bool) {
		cut = min(max(cut, 0), len(sent))
		whole, parts := words(hear(deflate, sent)), words(hear(deflate, sent[:cut], sent[cut:]))
		if whole != parts {
			t.Errorf("whole: %s\ncut at %d: %s", whole, cut, parts)
		}
	})
}
