package websocket

import (
	"bytes"
	"fmt"
	"testing"
)

// queued returns frames of every kind, and the bytes that they are to be sent as.
// lent is what its owner takes back when it was kept.
func queued() (f *frames, want, lent []byte) {
	f = new(frames)
	say := func(s string) { f.b = append(f.b, s...); want = append(want, s...) }
	put := func(l large) { f.add(l); want = append(want, l.p...) }
	say("head 1,")
	lent = []byte("what a caller lends,")
	put(large{p: lent, lent: true})
	put(large{p: []byte("what others have, too,")})
	say("small,")
	put(large{p: append(takeBuffer(5)[:0], "ours,"...), ours: true})
	say("the end")
	return f, want, lent
}

// Wherever the kernel stops, what is left is the rest; and so it is when the
// caller's payload was kept, and taken back and written to, and when more was
// queued behind it.
func TestFramesSentInPart(t *testing.T) {
	_, all, _ := queued()
	for sent := range len(all) {
		for _, then := range []string{"nothing", "kept", "joined"} {
			f, want, lent := queued()
			f.sent = sent
			want = want[sent:]
			if then != "nothing" {
				f.keep()
				copy(lent, bytes.Repeat([]byte("X"), len(lent)))
			}
			if then == "joined" {
				q, more, _ := queued()
				q.keep()
				q.messages = 3
				f.join(q)
				want = append(want, more...)
				if f.messages != 3 {
					t.Errorf("%d messages", f.messages)
				}
			}
			if got := f.joined(); !bytes.Equal(got, want) || f.left() != len(want) {
				t.Fatalf("%d sent, %s:\n%q, want\n%q", sent, then, got, want)
			}
			// One byte at a time, and never more parts than there is room for.
			var got []byte
			for f.left() > 0 {
				var room [2][]byte
				v := f.parts(room[:0])
				if len(v) == 0 || len(v) > len(room) || len(v[0]) == 0 || len(v) > 1 && len(v[1]) == 0 {
					t.Fatalf("parts: %q", v)
				}
				got = append(got, v[0][0])
				f.sent++
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%d sent, %s, byte by byte:\n%q, want\n%q", sent, then, got, want)
			}
		}
	}
}

// A payload that was sent to its end is let go of, when what is left is kept.
func TestFramesKeepOnlyWhatIsLeft(t *testing.T) {
	for _, sent := range []int{0, 100, 99_999, 100_000} {
		f := new(frames)
		f.add(large{p: make([]byte, 100_000), lent: true})
		f.add(large{p: []byte("x")})
		f.sent = sent
		f.keep()
		if n := len(f.large[0].p); n != 100_000-sent || f.left() != 100_001-sent {
			t.Errorf("%d sent: %d kept, %d left", sent, n, f.left())
		}
	}
}

// Buffers of the pool go back once, others and those of callers never.
func TestFramesGiveBack(t *testing.T) {
	f, _, lent := queued()
	before := fmt.Sprintf("%p", lent)
	f.free()
	for range 100 {
		if b := takeBuffer(len(lent)); fmt.Sprintf("%p", b) == before {
			t.Fatal("a caller's payload is in the pool")
		}
	}
	if len(f.large) != 0 || f.left() != 0 {
		t.Errorf("%+v", f)
	}
}
