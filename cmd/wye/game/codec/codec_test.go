package codec_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wye-org/wye/cmd/wye/game/arena"
	"github.com/wye-org/wye/cmd/wye/game/codec"
)

// played is a world after some ticks, with a person in it.
func played(ticks int) *arena.State {
	w := arena.New(7)
	w.Join(0xfeedbeef, "Ada")
	for i := range ticks {
		w.Hear(0xfeedbeef, uint32(i+1), []arena.Input{arena.Input(1 + i/20%arena.Directions)})
		w.Step()
	}
	return w.State()
}

func apply(t *testing.T, base *arena.State, message []byte) *arena.State {
	t.Helper()
	got, err := codec.Apply(base, message)
	if err != nil {
		t.Fatalf("%x: %v", message, err)
	}
	return got
}

func TestSnapshot(t *testing.T) {
	s := played(100)
	message := codec.AppendSnapshot([]byte("before"), s)
	message, ok := bytes.CutPrefix(message, []byte("before"))
	if !ok {
		t.Fatal("AppendSnapshot does not append")
	}
	if got := apply(t, new(arena.State), message); *got != *s {
		t.Errorf("%+v\nbecame\n%+v", s, got)
	}
	// A snapshot needs no base, and takes nothing from one.
	if got := apply(t, played(500), message); *got != *s {
		t.Error("a snapshot depends on what was there before")
	}
}

func TestDelta(t *testing.T) {
	a, b := played(100), played(101)
	before := *a
	message := codec.AppendDelta(nil, a, b)
	if got := apply(t, a, message); *got != *b {
		t.Errorf("%+v\nbecame\n%+v", b, got)
	}
	if *a != before {
		t.Error("the base was changed")
	}
	if len(message) > 120 {
		t.Errorf("one tick takes %d bytes", len(message))
	}
	if got := apply(t, b, codec.AppendDelta(nil, b, a)); *got != *a {
		t.Error("there is no way back")
	}
	if _, err := codec.Apply(b, message); !errors.Is(err, codec.ErrBase) {
		t.Errorf("a delta was applied to another state: %v", err)
	}
}

// What docs/game.md shows byte for byte.
func TestTheFormat(t *testing.T) {
	base := &arena.State{Tick: 1}
	base.Players[2] = arena.Player{Kind: arena.Bot, Name: "x", Body: arena.Body{X: 1000, Y: 2000}}
	next := *base
	next.Tick = 2
	next.Head.Left = -1
	next.Players[2].Body.X = 1003
	next.Players[2].Body.VX = -64
	next.Players[2].Name = "yz"
	next.Tiles[10], next.Tiles[11], next.Tiles[13] = 3, 3, 3
	for want, got := range map[string][]byte{
		"03 02000000 01000000 04 01 04 0510 06 7f 02 797a 02 0a 03 01 01 03 00": codec.AppendDelta(nil, base, &next),
		"02 02000000 00 00 00":      codec.AppendSnapshot(nil, &arena.State{Tick: 2}),
		"01 01 04030201":            codec.AppendHello(nil, codec.Hello{Version: codec.Version, Member: 0x01020304}),
		"04 66756c6c":               codec.AppendRefusal(nil, "full"),
		"01 416461":                 codec.AppendUp(nil, codec.Join{Name: "Ada"}),
		"02 05000000 07000000 0981": codec.AppendUp(nil, codec.Inputs{Seen: 5, First: 7, N: 2, In: [8]arena.Input{9, 1 | arena.Dash}}),
		"03":                        codec.AppendUp(nil, codec.Leave{}),
	} {
		if want = strings.ReplaceAll(want, " ", ""); hex.EncodeToString(got) != want {
			t.Errorf("got  %x\nwant %s", got, want)
		}
	}
	if long := codec.AppendRefusal(nil, strings.Repeat("x", 1000)); len(long) != 256 {
		t.Errorf("a refusal of %d bytes", len(long))
	}
}

func TestTheLongestFrame(t *testing.T) {
	a, b := new(arena.State), new(arena.State)
	for i := range b.Players {
		b.Players[i] = arena.Player{Kind: arena.Person, Member: 1 << 31, Name: strings.Repeat("n", arena.MaxName), Ack: 1 << 31, Wins: -1 << 31,
			Body: arena.Body{X: arena.Extent - 1, Y: arena.Extent - 1, VX: -1 << 31, VY: -1 << 31, Face: 32, Dash: -1 << 31, Cool: -1 << 31, Stun: -1 << 31}}
	}
	b.Head = arena.Head{Round: -1 << 31, Phase: arena.Play, Left: -1 << 31, Winner: 8, Cans: [arena.Cans]int32{576, 576, 576}}
	for i := range b.Tiles {
		b.Tiles[i] = uint8(1 + i%2)
	}
	if n := len(codec.AppendDelta(nil, a, b)); n > codec.MaxFrame || n < codec.MaxFrame/2 {
		t.Errorf("a frame of %d bytes, where %d are the most", n, codec.MaxFrame)
	}
}

func TestHello(t *testing.T) {
	want := codec.Hello{Version: 9, Member: 0xfffefdfc}
	if got, err := codec.ParseHello(codec.AppendHello(nil, want)); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "\x01", "\x01\x01\x00\x00\x00", "\x01\x01\x00\x00\x00\x00\x00", "\x02\x01\x00\x00\x00\x00"} {
		if _, err := codec.ParseHello([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a hello", bad)
		}
	}
}

func TestParseUp(t *testing.T) {
	for in, want := range map[string]codec.Up{
		"\x01Ada":                              codec.Join{Name: "Ada"},
		"\x01":                                 codec.Join{},
		"\x03":                                 codec.Leave{},
		"\x02\x05\x00\x00\x00\x00\x00\x00\x00": codec.Inputs{Seen: 5},
		"\x02\x05\x00\x00\x00\x07\x00\x00\x00\xa0": codec.Inputs{Seen: 5, First: 7, N: 1, In: [8]arena.Input{32 | arena.Dash}},
		"\x02\x05\x00\x00\x00\xff\xff\xff\xff\x00": codec.Inputs{Seen: 5, First: 1<<32 - 1, N: 1},
	} {
		if got, err := codec.ParseUp([]byte(in)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"":                                 codec.ErrKind,
		"\x00":                             codec.ErrKind,
		"\x04":                             codec.ErrKind,
		"\x03\x00":                         codec.ErrLong,
		"\x02\x05\x00\x00\x00\x07\x00\x00": codec.ErrShort,
		"\x02\x05\x00\x00\x00\x07\x00\x00\x00\x21":      codec.ErrNumber, // direction 33
		"\x02\x05\x00\x00\x00\x00\x00\x00\x00\x01":      codec.ErrNumber, // input 0
		"\x02\x05\x00\x00\x00\xff\xff\xff\xff\x01\x01":  codec.ErrNumber, // past the last number
		"\x02\x05\x00\x00\x00\x07\x00\x00\x00123456789": codec.ErrLong,
		"\x01" + strings.Repeat("n", codec.MaxUp):       codec.ErrLong,
	} {
		if got, err := codec.ParseUp([]byte(in)); !errors.Is(err, want) || got != nil {
			t.Errorf("%q: %+v, %v; want %v", in, got, err, want)
		}
	}
}

func TestHostileFrames(t *testing.T) {
	for _, tt := range []struct {
		about, in string
		want      error
	}{
		{"nothing", "", codec.ErrKind},
		{"a hello", "\x01\x01\x00\x00\x00\x00", codec.ErrKind},
		{"no tick", "\x02\x01\x00", codec.ErrShort},
		{"no base", "\x03\x01\x00\x00\x00\x00\x00", codec.ErrShort},
		{"no tiles", "\x02\x01\x00\x00\x00\x00\x00", codec.ErrShort},
		{"more than there is", "\x02\x01\x00\x00\x00\x00\x00\x00\x00", codec.ErrLong},
		{"an eighth number in the head", "\x02\x01\x00\x00\x00\x80\x00\x00", codec.ErrNumber},
		{"a fourteenth field of a player", "\x02\x01\x00\x00\x00\x00\x01\x00\x20\x00", codec.ErrNumber},
		{"a number of more than 32 bits", "\x02\x01\x00\x00\x00\x01\xff\xff\xff\xff\x1f\x00\x00", codec.ErrNumber},
		{"a number that does not end", "\x02\x01\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", codec.ErrNumber},
		{"a name longer than the message", "\x02\x01\x00\x00\x00\x00\x01\x00\x10\xffx", codec.ErrShort},
		{"tiles beyond the floor", "\x02\x01\x00\x00\x00\x00\x00\xc0\x04\x01\x01\x00", codec.ErrNumber},
		{"a run longer than the floor", "\x02\x01\x00\x00\x00\x00\x00\xc1\x04\x00\x01\x00", codec.ErrNumber},
		{"a tile painted by nobody there is", "\x02\x01\x00\x00\x00\x00\x00\x01\x00\x09\x00", codec.ErrState},
		{"a phase there is not", "\x02\x01\x00\x00\x00\x02\x04\x00\x00", codec.ErrState},
		{"a player without a kind", "\x02\x01\x00\x00\x00\x00\x01\x01\x00\x02\x00", codec.ErrState},
	} {
		if got, err := codec.Apply(new(arena.State), []byte(tt.in)); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: %+v, %v; want %v", tt.about, got, err, tt.want)
		}
	}
}

// The law of the format: what the difference of two states is applied to the
// first makes the second, and what takes the place of it is no state at all.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("a"), []byte("b"))
	f.Add([]byte{}, bytes.Repeat([]byte{0xff}, 900))
	f.Add(bytes.Repeat([]byte{1, 2, 3}, 400), bytes.Repeat([]byte{7}, 2000))
	f.Fuzz(func(t *testing.T, p, q []byte) {
		a, b := stateOf(p), stateOf(q)
		if !a.Valid() || !b.Valid() {
			t.Fatal("the test makes no states")
		}
		message := codec.AppendDelta(nil, a, b)
		got, err := codec.Apply(a, message)
		if err != nil || *got != *b {
			t.Fatalf("%+v\nbecame\n%+v, %v\nby %x", b, got, err, message)
		}
		if again := codec.AppendDelta(nil, a, got); !bytes.Equal(again, message) {
			t.Fatalf("%x, and then %x", message, again)
		}
		if got, err := codec.Apply(a, codec.AppendSnapshot(nil, b)); err != nil || *got != *b {
			t.Fatalf("the snapshot of %+v\nbecame\n%+v, %v", b, got, err)
		}
		if len(message) > codec.MaxFrame {
			t.Fatalf("%d bytes", len(message))
		}
	})
}

// Whatever comes, an error or a state that may be, which the format can tell.
func FuzzApply(f *testing.F) {
	base := played(50)
	f.Add(codec.AppendDelta(nil, base, played(51)))
	f.Add(codec.AppendSnapshot(nil, played(90)))
	f.Add([]byte("\x02\x01\x00\x00\x00\x00\x01\x00\x10\xffx"))
	f.Add([]byte("\x03\x01\x00\x00\x00\x32\x00\x00\x00\x7f"))
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := codec.Apply(base, message)
		if err != nil {
			if got != nil {
				t.Fatalf("%v, and a state", err)
			}
			return
		}
		if !got.Valid() {
			t.Fatalf("%x made %+v", message, got)
		}
		if again, err := codec.Apply(base, codec.AppendDelta(nil, base, got)); err != nil || *again != *got {
			t.Fatalf("%+v\nbecame\n%+v, %v", got, again, err)
		}
	})
}

// What was understood means the same when it is sent again.
func FuzzParseUp(f *testing.F) {
	for _, seed := range []string{"\x01Ada", "\x02\x05\x00\x00\x00\x07\x00\x00\x00\x81\x09", "\x03", "\x02"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := codec.ParseUp(in)
		if err != nil {
			if m != nil {
				t.Fatalf("%v, and %+v", err, m)
			}
			return
		}
		again := codec.AppendUp(nil, m)
		if !bytes.Equal(again, in) {
			t.Fatalf("%x became %x", in, again)
		}
		if same, err := codec.ParseUp(again); err != nil || !reflect.DeepEqual(same, m) {
			t.Fatalf("%+v became %+v, %v", m, same, err)
		}
	})
}

// stateOf makes a valid state of any bytes, all of which matter.
func stateOf(p []byte) *arena.State {
	next := func() uint32 {
		var v uint32
		for range 4 {
			v <<= 8
			if len(p) > 0 {
				v |= uint32(p[0])
				p = p[1:]
			}
		}
		return v
	}
	s := &arena.State{Tick: next()}
	s.Head = arena.Head{Round: int32(next()), Phase: arena.Phase(next() % 2), Left: int32(next()), Winner: int32(next() % (arena.Slots + 1))}
	for i := range s.Head.Cans {
		s.Head.Cans[i] = int32(next() % (arena.Side*arena.Side + 1))
	}
	for i := range s.Players {
		kind := arena.Kind(next() % 3)
		if kind == arena.Empty {
			continue
		}
		name := string(p[:min(len(p), arena.MaxName)])
		if !utf8.ValidString(name) || name == "" {
			name = "x"
		}
		s.Players[i] = arena.Player{Kind: kind, Member: next(), Name: name, Ack: next(), Wins: int32(next()),
			Body: arena.Body{X: int32(next() % arena.Extent), Y: int32(next() % arena.Extent), VX: int32(next()), VY: int32(next()),
				Face: int32(next() % (arena.Directions + 1)), Dash: int32(next()), Cool: int32(next()), Stun: int32(next())}}
	}
	for i := range s.Tiles {
		if len(p) > 0 {
			s.Tiles[i] = p[i%len(p)] % (arena.Slots + 1)
		}
	}
	return s
}
