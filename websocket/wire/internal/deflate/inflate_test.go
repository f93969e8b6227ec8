package deflate

import (
	"bytes"
	"strings"
	"testing"
)

// hex is bytes from digits, spaces aside.
func hex(t *testing.T, s string) []byte {
	t.Helper()
	var b []byte
	for _, f := range strings.Fields(s) {
		var v byte
		for _, c := range []byte(f) {
			v = v<<4 | byte(strings.IndexByte("0123456789abcdef", c))
		}
		b = append(b, v)
	}
	return b
}

// The messages of RFC 7692's examples, and those that are damaged, by hand.
func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		name, payload, window, want string
		err                         error
	}{
		{"7.2.3.1 one block", "f2 48 cd c9 c9 07 00", "", "Hello", nil},
		{"7.2.3.2 sharing the window", "f2 00 11 00 00", "Hello", "Hello", nil},
		{"7.2.3.3 stored", "00 05 00 fa ff 48 65 6c 6c 6f 00", "", "Hello", nil},
		{"7.2.3.4 final block", "f3 48 cd c9 c9 07 00 00", "", "Hello", nil},
		{"7.2.3.5 two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "", "Hello", nil},
		{"7.2.3.6 nothing", "00", "", "", nil},
		{"nothing in a fixed block", "02 00", "", "", nil},
		{"a final block and nothing after it", "f3 48 cd c9 c9 07 00", "", "Hello", nil},
		{"a final stored block", "01 01 00 fe ff 78", "", "x", nil},
		{"a final stored block whose lengths are the tail", "01", "", "", nil},
		{"a final empty stored block", "01 00 00 ff ff", "", "", nil},
		{"blocks after a final one", "f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00 00", "", "HelloHello", nil},
		{"a final block's text is referred to", "f3 48 cd c9 c9 07 00 f2 00 11 00 00", "", "HelloHello", nil},

		{"no byte at all", "", "", "", ErrShort},
		{"no empty block at the end", "f2 48 cd c9 c9 07", "", "", ErrShort},
		{"an empty block with its last four bytes", "f2 48 cd c9 c9 07 00 00 00 ff ff", "", "", ErrShort},
		{"cut in a code", "f2 48 cd", "", "", ErrShort},
		{"cut in a stored block", "00 05 00 fa ff 48 65 6c 6c", "", "", ErrShort},
		{"a stored block as long as the tail", "00 04 00 fb ff", "", "", ErrShort},
		{"a stored block whose length does not match", "00 05 00 fb ff 48 65 6c 6c 6f 00", "", "", ErrCorrupt},
		{"a block of the reserved type", "06 00", "", "", ErrCorrupt},
		{"the reserved type, final", "07 00", "", "", ErrCorrupt},
		{"a match before the first byte", "f2 00 11 00 00", "Hel", "", ErrFar},
		{"a match of nothing at all", "02 01 00 00", "", "", ErrFar},
		{"length symbol 286", "1b 03 00", "", "", ErrCorrupt},
		{"too many lengths", "f4 c0 00 00 00 00 00", "", "", ErrCorrupt},
		{"too many distances", "04 de 00 00 00 00 00 00 00", "", "", ErrCorrupt},
		{"an over-subscribed code for lengths", "04 c0 ff ff ff ff ff ff ff 00", "", "", ErrCorrupt},
		{"a code for lengths that is incomplete", "04 00 02 00 00 00 00 00 00 00", "", "", ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := hex(t, c.payload)
			for _, max := range []int{1000, 1} {
				var z Inflater
				got, err := inflate(&z, payload, []byte(c.window), MaxWindow, max)
				if err != c.err || err == nil && string(got) != c.want {
					t.Errorf("%q, %v; want %q, %v", got, err, c.want, c.err)
				}
			}
			want, _, err := byReference(payload, []byte(c.window))
			if (err == nil) != (c.err == nil) || err == nil && string(want) != c.want {
				t.Errorf("the reference: %q, %v", want, err)
			}
			// After it, the Inflater is as good as new.
			var d Deflater
			var z Inflater
			inflate(&z, payload, nil, MaxWindow, 3)
			if got, err := inflate(&z, d.Append(nil, []byte(long), nil, 256, 1), nil, 256, 1<<20); err != nil || string(got) != long {
				t.Errorf("the next message: %v, %d bytes", err, len(got))
			}
		})
	}
}

// A limit is kept to the byte: exactly so much comes out, and whether there is
// more is known.
func TestLimit(t *testing.T) {
	var d Deflater
	var z Inflater
	for _, n := range []int{0, 1, 100, 258, 259, 65_535, 65_536, 65_537, 200_000} {
		for name, p := range material(n) {
			payload := d.Append(nil, p, nil, MaxWindow, 1)
			for _, limit := range []int{n - 1, n, n + 1} {
				if limit < 0 {
					continue
				}
				z.Reset(payload, nil, MaxWindow)
				var got []byte
				done := false
				for !done && (len(got) == 0 || len(got) < limit) {
					chunk, last, err := z.Next(limit - len(got))
					if err != nil || len(chunk) > ChunkMax {
						t.Fatal(err, len(chunk))
					}
					got, done = append(got, chunk...), last
					if limit == 0 {
						break
					}
				}
				if !bytes.Equal(got, p[:min(n, limit)]) || done != (limit >= n) {
					t.Errorf("%s of %d, limit %d: %d bytes, done %v", name, n, limit, len(got), done)
				}
			}
		}
	}
}

// Calls that make no sense do no harm.
func TestCallsOutOfOrder(t *testing.T) {
	var z Inflater
	for range 2 {
		if p, done, err := z.Next(10); len(p) != 0 || done || err != ErrShort {
			t.Errorf("before Reset: %q, %v, %v", p, done, err)
		}
		z.Save()
		z.Window()
	}
	z.Reset(hex(t, "f2 48 cd c9 c9 07 00"), nil, 256)
	z.Next(-1)
	z.Next(100)
	for range 2 {
		if p, done, err := z.Next(100); len(p) != 0 || !done || err != nil {
			t.Errorf("after the end: %q, %v, %v", p, done, err)
		}
	}
	z.Reset(hex(t, "f2 48 cd c9 c9 07 00"), nil, 256)
	z.Forget()
	if p, _, _ := z.Next(100); len(p) != 0 {
		t.Errorf("after Forget: %q", p)
	}
}
