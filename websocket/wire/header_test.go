package wire

import (
	"bytes"
	"testing"
)

func TestAppendHeader(t *testing.T) {
	for _, c := range []struct {
		h    Header
		want string
	}{
		{Header{Fin: true, Op: OpText, Len: 5}, "\x81\x05"},
		{Header{Op: OpBinary, Len: 125}, "\x02\x7d"},
		{Header{Fin: true, Op: OpBinary, Len: 126}, "\x82\x7e\x00\x7e"},
		{Header{Fin: true, Op: OpBinary, Len: 65535}, "\x82\x7e\xff\xff"},
		{Header{Fin: true, Op: OpBinary, Len: 65536}, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
		{Header{Fin: true, RSV: 4, Op: OpText}, "\xc1\x00"},
		{Header{RSV: 1, Op: OpContinuation}, "\x10\x00"},
		{Header{Fin: true, Op: OpText, Masked: true, Key: 0x3d21fa37, Len: 5}, "\x81\x85\x37\xfa\x21\x3d"},
		{Header{Fin: true, Op: OpText, Key: 0x3d21fa37}, "\x81\x00"}, // a key alone masks nothing
	} {
		if got := AppendHeader([]byte("before"), c.h); string(got) != "before"+c.want {
			t.Errorf("%+v: got %q, want %q", c.h, got[6:], c.want)
		}
	}
}

// Fields that hold more than the wire has room for do not spill into others.
func TestHeaderWithoutRoom(t *testing.T) {
	b := AppendHeader(nil, Header{RSV: 0xff, Op: 0xff, Len: 1<<63 | 1<<40})
	h, n, bad := ParseHeader(b)
	if want := (Header{RSV: 7, Op: 15, Len: 1 << 40}); h != want || n != len(b) || bad != nil {
		t.Errorf("%+v %d %v", h, n, bad)
	}
}

// A header that lacks a byte is no error and no header.
func TestParseHeaderWants(t *testing.T) {
	for _, h := range []Header{
		{Fin: true, Op: OpText},
		{Fin: true, Op: OpText, Masked: true, Key: 1},
		{Op: OpBinary, Len: 126},
		{Op: OpBinary, Len: 126, Masked: true, Key: 0xff000000},
		{Op: OpBinary, Len: 1<<63 - 1, Masked: true, Key: 0xffffffff},
	} {
		b := AppendHeader(nil, h)
		for n := range b {
			if got, took, bad := ParseHeader(b[:n]); took != 0 || bad != nil || got != (Header{}) {
				t.Errorf("%q: %+v %d %v", b[:n], got, took, bad)
			}
		}
		if got, took, bad := ParseHeader(append(b, "payload"...)); got != h || took != len(b) || bad != nil {
			t.Errorf("%q: %+v %d %v", b, got, took, bad)
		}
	}
}

func TestMaxHeader(t *testing.T) {
	b := AppendHeader(nil, Header{Masked: true, Len: 1<<63 - 1})
	if len(b) != MaxHeader {
		t.Errorf("%d bytes, MaxHeader is %d", len(b), MaxHeader)
	}
}

func TestOpcodes(t *testing.T) {
	for op := range Opcode(16) {
		control, reserved, message := op >= 8, op >= 3 && op <= 7 || op >= 11, op == 1 || op == 2
		if op.Control() != control || op.reserved() != reserved || op.message() != message {
			t.Errorf("%v: control %v, reserved %v, message %v", op, op.Control(), op.reserved(), op.message())
		}
	}
	if got := OpPing.String() + ", " + Opcode(11).String(); got != "ping, reserved opcode 11" {
		t.Error(got)
	}
}

// FuzzHeader: a header that parses is the shortest form of what it says, and
// reads no further than its length; what is appended parses back.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), true, uint8(0), uint8(1), true, uint32(0x3d21fa37), uint64(5))
	f.Add([]byte("\x82\x7e\x00\x7e"), false, uint8(4), uint8(2), false, uint32(0), uint64(126))
	f.Add([]byte("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), true, uint8(7), uint8(10), true, uint32(0xffffffff), uint64(65536))
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), true, uint8(7), uint8(10), true, uint32(0xffffffff), uint64(1<<63-1))
	f.Add([]byte("\x82\x7e\x00\x7d"), true, uint8(0), uint8(0), false, uint32(1), uint64(65535))
	f.Fuzz(func(t *testing.T, b []byte, fin bool, rsv, op uint8, masked bool, key uint32, n uint64) {
		if h, took, bad := ParseHeader(b); bad != nil {
			if took != 0 || bad != errLongForm && bad != errTopBit {
				t.Fatalf("%q: %d bytes and %v", b, took, bad)
			}
		} else if took > 0 {
			if again := AppendHeader(nil, h); !bytes.Equal(again, b[:took]) {
				t.Fatalf("%q parsed as %+v, which is %q", b[:took], h, again)
			}
		} else if len(b) >= MaxHeader {
			t.Fatalf("%q: more wanted than a header has", b)
		}
		h := Header{Fin: fin, RSV: rsv & 7, Op: Opcode(op & 15), Masked: masked, Len: n &^ (1 << 63)}
		if masked {
			h.Key = key
		}
		wire := AppendHeader(nil, h)
		if back, took, bad := ParseHeader(append(wire, b...)); back != h || took != len(wire) || bad != nil {
			t.Fatalf("%+v came back as %+v, %d of %d bytes, %v", h, back, took, len(wire), bad)
		}
		for i := range wire {
			if _, took, bad := ParseHeader(wire[:i]); took != 0 || bad != nil {
				t.Fatalf("%q is no header: %d, %v", wire[:i], took, bad)
			}
		}
	})
}
