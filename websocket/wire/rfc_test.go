package wire

import (
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
)

// byHand builds frames byte for byte, not with the code under test.
func byHand(b0 byte, masked bool, payload string) string {
	n := len(payload)
	var b []byte
	switch {
	case n < 126:
		b = append(b, b0, byte(n))
	case n < 1<<16:
		b = append(b, b0, 126, byte(n>>8), byte(n))
	default:
		b = append(b, b0, 127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	if !masked {
		return string(b) + payload
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b[1] |= 0x80
	b = append(b, key[:]...)
	for i := range n {
		b = append(b, payload[i]^key[i&3])
	}
	return string(b)
}

// A way is how to feed a Receiver.
type way struct {
	split  func(left int) int // how much to receive next
	stream bool
}

var (
	whole    = way{split: func(left int) int { return left }}
	bytewise = way{split: func(int) int { return 1 }}
	chunks   = way{split: func(left int) int { return left }, stream: true}
	crumbs   = way{split: func(int) int { return 1 }, stream: true}
)

// hear feeds input to a Receiver and writes down what it reports. Chunks are
// joined, so that every way must give the same words. Nothing that the Receiver
// lets go of stays as it was.
func hear(opt *Options, input string, by way) string {
	return hearAgreed(opt, Agreed{}, input, by)
}

// hearAgreed is hear where something was agreed of permessage-deflate.
func hearAgreed(opt *Options, a Agreed, input string, by way) string {
	in := NewReceiver(opt)
	in.Agree(a)
	in.Stream = by.stream
	var said strings.Builder
	var parts []byte
	scratch := make([]byte, 1024)
	for len(input) > 0 {
		space := in.Space(scratch)
		n := copy(space, input[:min(max(by.split(len(input)), 1), len(input))])
		input = input[n:]
		in.Received(n)
		for ev := in.Next(); ev.Kind != None; ev = in.Next() {
			switch ev.Kind {
			case Message:
				fmt.Fprintf(&said, "%v %s. ", ev.Op, quote(ev.Data))
			case Chunk:
				if parts = append(parts, ev.Data...); ev.Final {
					fmt.Fprintf(&said, "%v %s. ", ev.Op, quote(parts))
					parts = nil
				}
			case Ping, Pong:
				fmt.Fprintf(&said, "%v %s. ", ev.Kind, quote(ev.Data))
			case Close:
				fmt.Fprintf(&said, "close %d %q. ", uint16(ev.Code), ev.Data)
			case Failed:
				fmt.Fprintf(&said, "failed %d §%s. ", uint16(ev.Code), ev.Why.Section)
			}
			overwrite(ev.Data)
		}
		overwrite(scratch[:min(n+MinScratch, len(scratch))]) // as far as it was used
	}
	return strings.TrimSpace(said.String())
}

// quote is p in quotes, or, of a long one, its length and sum.
func quote(p []byte) string {
	if len(p) > 150 {
		return fmt.Sprintf("[%d bytes, %08x]", len(p), crc32.ChecksumIEEE(p))
	}
	return fmt.Sprintf("%q", p)
}

// overwrite makes whoever kept b pay for it.
func overwrite(b []byte) {
	for i := range b {
		b[i] = 0xee
	}
}

// Frames as they begin: final and not.
const (
	txt, txtPart    = 0x81, 0x01
	bin, binPart    = 0x82, 0x02
	more, last      = 0x00, 0x80
	cls, ping, pong = 0x88, 0x89, 0x8a
)

// f is a frame, for a part of a table.
type f struct {
	b0      byte
	payload string
}

const (
	fails1002 = "failed 1002 "
	fails1007 = "failed 1007 "
	fails1009 = "failed 1009 "
)

// TestRFC6455 says, in the order of the RFC, what a Receiver makes of frames.
// Each case is spoken to a server, masked, and to a client, unmasked.
func TestRFC6455(t *testing.T) {
	k125, k126 := strings.Repeat("x", 125), strings.Repeat("x", 126)
	for _, c := range []struct {
		name   string
		frames []f
		want   string
	}{
		{"5.2 length in 7 bits, at most", []f{{bin, k125}}, said("binary", k125)},
		{"5.2 length in 16 bits, at least", []f{{bin, k126}}, said("binary", k126)},
		{"5.2 RSV1", []f{{txt | 0x40, "x"}}, fails1002 + "§5.2."},
		{"5.2 RSV2", []f{{txt | 0x20, "x"}}, fails1002 + "§5.2."},
		{"5.2 RSV3", []f{{txt | 0x10, "x"}}, fails1002 + "§5.2."},
		{"5.2 RSV on a control frame", []f{{ping | 0x10, "x"}}, fails1002 + "§5.2."},
		{"5.2 RSV on a continuation", []f{{txtPart, "x"}, {last | 0x40, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 3", []f{{0x83, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 4", []f{{0x84, ""}}, fails1002 + "§5.2."},
		{"5.2 opcode 5", []f{{0x85, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 6", []f{{0x06, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 7", []f{{0x87, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 11", []f{{0x8b, ""}}, fails1002 + "§5.2."},
		{"5.2 opcode 12", []f{{0x8c, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 13", []f{{0x8d, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 14", []f{{0x8e, "x"}}, fails1002 + "§5.2."},
		{"5.2 opcode 15", []f{{0x8f, "x"}}, fails1002 + "§5.2."},
		{"5.2 reserved opcode between fragments", []f{{txtPart, "x"}, {0x83, ""}}, fails1002 + "§5.2."},

		{"5.4 two fragments", []f{{txtPart, "Hel"}, {last, "lo"}}, `text "Hello".`},
		{"5.4 three fragments", []f{{binPart, "a"}, {more, "b"}, {last, "c"}}, `binary "abc".`},
		{"5.4 empty fragments", []f{{txtPart, ""}, {more, ""}, {last, ""}}, `text "".`},
		{"5.4 empty first fragment", []f{{txtPart, ""}, {last, "x"}}, `text "x".`},
		{"5.4 empty last fragment", []f{{txtPart, "x"}, {last, ""}}, `text "x".`},
		{"5.4 control frame between fragments", []f{{txtPart, "a"}, {ping, "p"}, {last, "b"}}, `ping "p". text "ab".`},
		{"5.4 several control frames between fragments", []f{{binPart, "a"}, {ping, "p"}, {pong, ""}, {more, "b"}, {ping, ""}, {last, "c"}},
			`ping "p". pong "". ping "". binary "abc".`},
		{"5.4 Close between fragments", []f{{txtPart, "a"}, {cls, "\x03\xe8"}, {last, "b"}}, `close 1000 "".`},
		{"5.4 fragments of two messages interleaved", []f{{txtPart, "x"}, {txtPart, "y"}}, fails1002 + "§5.4."},
		{"5.4 whole message between fragments", []f{{txtPart, "x"}, {bin, "y"}}, fails1002 + "§5.4."},
		{"5.4 continuation of nothing", []f{{last, "x"}}, fails1002 + "§5.4."},
		{"5.4 unfinished continuation of nothing", []f{{more, ""}}, fails1002 + "§5.4."},
		{"5.4 continuation of an ended message", []f{{txt, "x"}, {last, "y"}}, `text "x". ` + fails1002 + "§5.4."},
		{"5.4 continuation of an ended fragmented message", []f{{txtPart, "x"}, {last, "y"}, {last, "z"}}, `text "xy". ` + fails1002 + "§5.4."},
		{"5.4 message after a fragmented one", []f{{txtPart, "x"}, {last, "y"}, {bin, "\xff"}}, `text "xy". binary "\xff".`},

		{"5.5 control frame of 125 bytes", []f{{ping, k125}}, said("ping", k125)},
		{"5.5 ping of 126 bytes", []f{{ping, k126}}, fails1002 + "§5.5."},
		{"5.5 pong of 126 bytes", []f{{pong, k126}}, fails1002 + "§5.5."},
		{"5.5 Close of 126 bytes", []f{{cls, "\x03\xe8" + k126[2:]}}, fails1002 + "§5.5."},
		{"5.5 control frame of 64 KiB", []f{{ping, strings.Repeat("x", 1<<16)}}, fails1002 + "§5.5."},
		{"5.5 fragmented ping", []f{{ping &^ 0x80, "x"}}, fails1002 + "§5.5."},
		{"5.5 fragmented pong", []f{{pong &^ 0x80, ""}}, fails1002 + "§5.5."},
		{"5.5 fragmented Close", []f{{cls &^ 0x80, "\x03\xe8"}}, fails1002 + "§5.5."},

		{"5.5.1 Close of none", []f{{cls, ""}}, `close 1005 "".`},
		{"5.5.1 Close of one byte", []f{{cls, "\x03"}}, fails1002 + "§5.5.1."},
		{"5.5.1 Close of a code", []f{{cls, "\x03\xe8"}}, `close 1000 "".`},
		{"5.5.1 Close of a code and a reason", []f{{cls, "\x03\xe9bye, κόσμε"}}, `close 1001 "bye, κόσμε".`},
		{"5.5.1 longest reason", []f{{cls, "\x03\xe8" + k125[2:]}}, "close 1000 " + fmt.Sprintf("%q.", k125[2:])},
		{"5.5.1 reason is not UTF-8", []f{{cls, "\x03\xe8a\xff"}}, fails1007 + "§5.5.1."},
		{"5.5.1 reason ends inside a code point", []f{{cls, "\x03\xe8\xe2\x82"}}, fails1007 + "§5.5.1."},
		{"5.5.1 message after Close", []f{{cls, ""}, {txt, "x"}}, `close 1005 "".`},
		{"5.5.1 ping after Close", []f{{cls, "\x03\xe8"}, {ping, "x"}}, `close 1000 "".`},
		{"5.5.1 second Close", []f{{cls, "\x03\xe8"}, {cls, "\x03\xe9"}}, `close 1000 "".`},
		{"5.5.1 rubbish after Close", []f{{cls, "\x03\xe8"}, {0xff, "x"}}, `close 1000 "".`},

		{"5.5.2 ping of none", []f{{ping, ""}}, `ping "".`},
		{"5.5.2 ping of bytes that are no text", []f{{ping, "\x00\xff\xfe"}}, `ping "\x00\xff\xfe".`},
		{"5.5.3 unsolicited pong", []f{{pong, "x"}}, `pong "x".`},

		{"5.6 text", []f{{txt, "Hello"}}, `text "Hello".`},
		{"5.6 empty text", []f{{txt, ""}}, `text "".`},
		{"5.6 empty binary", []f{{bin, ""}}, `binary "".`},
		{"5.6 binary of any bytes", []f{{bin, "\x00\xff\xc0"}}, `binary "\x00\xff\xc0".`},
		{"5.6 code point over two fragments", []f{{txtPart, "\xf0\x90"}, {last, "\x80\x80"}}, `text "𐀀".`},
		{"5.6 code point over four fragments", []f{{txtPart, "\xf4"}, {more, "\x8f"}, {more, "\xbf"}, {last, "\xbf"}}, `text "` + "\\U0010ffff" + `".`},
		{"5.6 control frame inside a code point", []f{{txtPart, "\xce"}, {ping, "\xff"}, {last, "\xba"}}, `ping "\xff". text "κ".`},

		{"7.1.5 code of the first Close", []f{{cls, "\x0f\xa0"}, {cls, "\x03\xe8"}}, `close 4000 "".`},
		{"7.1.7 message after a failure", []f{{0x83, ""}, {txt, "x"}}, fails1002 + "§5.2."},
		{"7.1.7 Close after a failure", []f{{txt, "\xff"}, {cls, "\x03\xe8"}}, fails1007 + "§8.1."},
		{"7.1.7 messages before a failure", []f{{txt, "x"}, {ping, "y"}, {0x83, ""}}, `text "x". ping "y". ` + fails1002 + "§5.2."},

		{"8.1 one, two, three and four bytes", []f{{txt, "aκ€𐍈"}}, `text "aκ€𐍈".`},
		{"8.1 last code point", []f{{txt, "\U0010ffff"}}, `text "` + "\\U0010ffff" + `".`},
		{"8.1 noncharacters", []f{{txt, "\uffff\ufdd0"}}, `text "` + "\\uffff\\ufdd0" + `".`},
		{"8.1 NUL", []f{{txt, "\x00"}}, `text "\x00".`},
		{"8.1 not UTF-8", []f{{txt, "a\xffb"}}, fails1007 + "§8.1."},
		{"8.1 lone continuation byte", []f{{txt, "\x80"}}, fails1007 + "§8.1."},
		{"8.1 overlong in two bytes", []f{{txt, "\xc0\xaf"}}, fails1007 + "§8.1."},
		{"8.1 overlong in three bytes", []f{{txt, "\xe0\x9f\xbf"}}, fails1007 + "§8.1."},
		{"8.1 overlong in four bytes", []f{{txt, "\xf0\x8f\xbf\xbf"}}, fails1007 + "§8.1."},
		{"8.1 surrogate", []f{{txt, "\xed\xa0\x80"}}, fails1007 + "§8.1."},
		{"8.1 over U+10FFFF", []f{{txt, "\xf4\x90\x80\x80"}}, fails1007 + "§8.1."},
		{"8.1 five bytes", []f{{txt, "\xf8\x88\x80\x80\x80"}}, fails1007 + "§8.1."},
		{"8.1 message ends inside a code point", []f{{txt, "x\xe2\x82"}}, fails1007 + "§8.1."},
		{"8.1 fragmented message ends inside a code point", []f{{txtPart, "\xe2\x82"}, {last, ""}}, fails1007 + "§8.1."},
		{"8.1 bad byte in a later fragment", []f{{txtPart, "\xe2\x82"}, {last, "x"}}, fails1007 + "§8.1."},
		{"8.1 failure comes before the next frame", []f{{txtPart, "\xf4\x90"}, {ping, ""}}, fails1007 + "§8.1."},
		{"8.1 each message begins anew", []f{{txtPart, "κ"}, {last, "κ"}, {txt, "κ"}}, `text "κκ". text "κ".`},

		{"10.4 largest message", []f{{bin, strings.Repeat("x", 1000)}}, said("binary", strings.Repeat("x", 1000))},
		{"10.4 message over the limit", []f{{bin, strings.Repeat("x", 1001)}}, fails1009 + "§10.4."},
		{"10.4 fragments over the limit in sum", []f{{binPart, strings.Repeat("x", 600)}, {last, strings.Repeat("x", 401)}}, fails1009 + "§10.4."},
		{"10.4 limit is a message's, not a connection's", []f{{bin, strings.Repeat("x", 600)}, {bin, strings.Repeat("y", 600)}},
			said("binary", strings.Repeat("x", 600)) + " " + said("binary", strings.Repeat("y", 600))},
		{"10.4 most fragments", []f{{binPart, "a"}, {more, "b"}, {more, "c"}, {last, "d"}}, `binary "abcd".`},
		{"10.4 too many fragments", []f{{binPart, ""}, {more, ""}, {more, ""}, {more, ""}, {last, ""}}, fails1009 + "§10.4."},
		{"10.4 control frames are no fragments", []f{{binPart, ""}, {ping, ""}, {ping, ""}, {ping, ""}, {ping, ""}, {last, ""}}, `ping "". ping "". ping "". ping "". binary "".`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, client := range []bool{false, true} {
				opt := &Options{Client: client, MaxMessage: 1000, MaxFragments: 4}
				var input string
				for _, x := range c.frames {
					input += byHand(x.b0, !client, x.payload)
				}
				everyWay(t, opt, input, c.want)
			}
		})
	}
}

// said is an event of op with p, in the words of hear.
func said(op, p string) string { return heard(op, []byte(p)) }

func heard(op string, p []byte) string { return fmt.Sprintf("%s %s.", op, quote(p)) }

// everyWay feeds input whole, bytewise, and for chunks.
func everyWay(t *testing.T, opt *Options, input, want string) {
	t.Helper()
	everyWayAgreed(t, opt, Agreed{}, input, want)
}

func everyWayAgreed(t *testing.T, opt *Options, a Agreed, input, want string) {
	t.Helper()
	for name, by := range map[string]way{"whole": whole, "bytewise": bytewise, "chunks": chunks, "crumbs": crumbs} {
		if got := hearAgreed(opt, a, input, by); got != want {
			t.Errorf("client %v, %s:\n got %.200s\nwant %.200s", opt.Client, name, got, want)
		}
	}
}

// TestRFC6455Bytes are the cases that no table of well-formed frames can say.
func TestRFC6455Bytes(t *testing.T) {
	const toServer, toClient = false, true
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	for _, c := range []struct {
		name   string
		client bool
		input  string
		want   string
	}{
		{"5.1 unmasked frame to a server", toServer, "\x81\x01x", fails1002 + "§5.1."},
		{"5.1 unmasked empty frame to a server", toServer, "\x81\x00", fails1002 + "§5.1."},
		{"5.1 unmasked control frame to a server", toServer, "\x89\x00", fails1002 + "§5.1."},
		{"5.1 unmasked continuation to a server", toServer, byHand(txtPart, true, "x") + "\x80\x01x", fails1002 + "§5.1."},
		{"5.1 masked frame to a client", toClient, "\x81\x81....x", fails1002 + "§5.1."},
		{"5.1 masked control frame to a client", toClient, "\x8a\x80....", fails1002 + "§5.1."},
		{"5.1 masked continuation to a client", toClient, "\x01\x01x\x80\x81....x", fails1002 + "§5.1."},
		{"5.2 16 bits for 125", toServer, "\x82\xfe\x00\x7d....", fails1002 + "§5.2."},
		{"5.2 16 bits for 0", toClient, "\x82\x7e\x00\x00", fails1002 + "§5.2."},
		{"5.2 64 bits for 65535", toServer, "\x82\xff" + zeros(6) + "\xff\xff....", fails1002 + "§5.2."},
		{"5.2 64 bits for 125", toClient, "\x82\x7f" + zeros(7) + "\x7d", fails1002 + "§5.2."},
		{"5.2 highest bit of the length", toServer, "\x82\xff\x80" + zeros(7) + "....", fails1002 + "§5.2."},
		{"5.2 all bits of the length", toClient, "\x82\x7f" + strings.Repeat("\xff", 8), fails1002 + "§5.2."},
		{"5.3 key of zeros", toServer, "\x81\x82\x00\x00\x00\x00hi", `text "hi".`},
		{"5.3 each frame has a key of its own", toServer, "\x81\x81\x01\x00\x00\x00i" + "\x81\x81\x02\x00\x00\x00k", `text "h". text "i".`},
		{"5.3 each fragment has a key of its own", toServer, "\x01\x83\x01\x02\x03\x04iji\x80\x81\x05\x06\x07\x08m", `text "hhjh".`},
		{"5.7 unmasked text", toClient, "\x81\x05Hello", `text "Hello".`},
		{"5.7 masked text", toServer, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", `text "Hello".`},
		{"5.7 fragmented unmasked text", toClient, "\x01\x03Hel\x80\x02lo", `text "Hello".`},
		{"5.7 ping", toClient, "\x89\x05Hello", `ping "Hello".`},
		{"5.7 masked pong", toServer, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", `pong "Hello".`},
		{"5.7 256 bytes of binary", toClient, "\x82\x7e\x01\x00" + zeros(256), said("binary", zeros(256))},
		{"10.4 length of 2^62", toServer, "\x82\xff\x40" + zeros(7) + "....", fails1009 + "§10.4."},
		{"10.4 length of 2^63-1", toClient, "\x82\x7f\x7f" + strings.Repeat("\xff", 7), fails1009 + "§10.4."},
		{"10.4 length of 2^32", toServer, "\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00....", fails1009 + "§10.4."},
		{"10.4 length of 2^31", toClient, "\x82\x7f\x00\x00\x00\x00\x80\x00\x00\x00", fails1009 + "§10.4."},
		{"10.4 length of 2^63-1 inside a message", toClient, "\x02\x02xx\x80\x7f\x7f" + strings.Repeat("\xff", 7), fails1009 + "§10.4."},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyWay(t, &Options{Client: c.client}, c.input, c.want)
		})
	}
	t.Run("10.4 limit below 126 bytes", func(t *testing.T) {
		for _, client := range []bool{false, true} {
			opt := &Options{Client: client, MaxMessage: 10}
			everyWay(t, opt, byHand(bin, !client, "0123456789"), `binary "0123456789".`)
			everyWay(t, opt, byHand(bin, !client, "0123456789a"), fails1009+"§10.4.")
			everyWay(t, opt, byHand(ping, !client, "0123456789a"), `ping "0123456789a".`)
		}
	})
	t.Run("5.7 64 KiB of binary", func(t *testing.T) {
		everyWay(t, &Options{Client: true}, "\x82\x7f"+zeros(5)+"\x01\x00\x00"+zeros(65536), said("binary", zeros(65536)))
	})
}

// TestStatusCodes: which codes a peer may send, RFC 6455 §7.4, in every
// neighbourhood of a bound.
func TestStatusCodes(t *testing.T) {
	want := func(code int) bool {
		for _, r := range [][2]int{{1000, 1003}, {1007, 1014}, {3000, 4999}} {
			if r[0] <= code && code <= r[1] {
				return true
			}
		}
		return false
	}
	for code := range 1 << 16 {
		if got := StatusCode(code).Valid(); got != want(code) {
			t.Errorf("Valid(%d) = %v", code, got)
		}
	}
	for _, c := range []struct {
		name string
		code StatusCode
	}{
		{"7.4.1 code 1000", 1000}, {"7.4.1 code 1003", 1003}, {"7.4.1 code 1004", 1004}, {"7.4.1 code 1005", 1005},
		{"7.4.1 code 1006", 1006}, {"7.4.1 code 1007", 1007}, {"7.4.1 code 1011", 1011}, {"7.4.1 code 1012", 1012},
		{"7.4.1 code 1014", 1014}, {"7.4.1 code 1015", 1015}, {"7.4.1 code 1016", 1016}, {"7.4.2 code 0", 0},
		{"7.4.2 code 999", 999}, {"7.4.2 code 1100", 1100}, {"7.4.2 code 2000", 2000}, {"7.4.2 code 2999", 2999},
		{"7.4.2 code 3000", 3000}, {"7.4.2 code 3999", 3999}, {"7.4.2 code 4000", 4000}, {"7.4.2 code 4999", 4999},
		{"7.4.2 code 5000", 5000}, {"7.4.2 code 65535", 65535},
	} {
		t.Run(c.name, func(t *testing.T) {
			words := "failed 1002 §7.4."
			if want(int(c.code)) {
				words = fmt.Sprintf(`close %d "why".`, uint16(c.code))
			}
			payload := string([]byte{byte(c.code >> 8), byte(c.code)}) + "why"
			everyWay(t, &Options{}, byHand(cls, true, payload), words)
			everyWay(t, &Options{Client: true}, byHand(cls, false, payload), words)
		})
	}
}
