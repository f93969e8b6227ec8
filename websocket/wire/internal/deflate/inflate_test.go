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

// "HLIT + 257" lengths may be 286 at the most, and "HDIST + 1" 30, though there
// is room for more. RFC 1951 §3.2.7.
func TestTooManyCodes(t *testing.T) {
	for _, c := range []struct {
		nlit, ndist int
		want        error
	}{{286, 30, nil}, {257, 1, nil}, {287, 30, ErrCorrupt}, {288, 1, ErrCorrupt}, {286, 31, ErrCorrupt}, {257, 32, ErrCorrupt}} {
		var b block
		b.begin(nil)
		b.literals([]byte("literals"))
		b.lit[endOfBlock] = 1
		b.dynamic()
		lens := append(bytes.Clone(b.lens[:b.nlit]), make([]byte, 100)...)
		b.findRuns(lens[:c.nlit+c.ndist])
		var pre [numPre]uint8
		codeLengths(b.pre[:], pre[:], maxPreLen)
		b.preCode.set(pre[:])
		b.nlit, b.ndist, b.npre = c.nlit, c.ndist, numPre
		b.room(500)
		b.writeHead()
		b.writeTokens()
		var z Inflater
		if got, err := inflate(&z, b.finish(), nil, MaxWindow, 100); err != c.want || err == nil && string(got) != "literals" {
			t.Errorf("%d and %d lengths: %q, %v, want %v", c.nlit, c.ndist, got, err, c.want)
		}
	}
}

// A block that has no code for its end is refused before it is inflated.
func TestNoEndOfBlock(t *testing.T) {
	var b block
	b.begin(nil)
	b.literals([]byte("literals"))
	b.dynamic()
	b.room(500)
	b.writeHead()
	b.writeTokens()
	var z Inflater
	if got, err := inflate(&z, b.finish(), nil, MaxWindow, 100); len(got) != 0 || err != ErrCorrupt {
		t.Errorf("%q, %v", got, err)
	}
}

// A run of lengths that goes past those that were announced is refused.
func TestRunPastTheLastLength(t *testing.T) {
	for _, more := range []int{0, 1, 100} {
		var b block
		b.begin(nil)
		b.literals([]byte("literals"))
		b.lit[endOfBlock] = 1
		b.dynamic()
		lens := append(bytes.Clone(b.lens[:b.nlit]), make([]byte, 20+more)...)
		b.findRuns(lens)
		var pre [numPre]uint8
		codeLengths(b.pre[:], pre[:], maxPreLen)
		b.preCode.set(pre[:])
		b.ndist, b.npre = 20, numPre
		b.room(500)
		b.writeHead()
		b.writeTokens()
		var want error
		if more > 0 {
			want = ErrCorrupt
		}
		var z Inflater
		if _, err := inflate(&z, b.finish(), nil, MaxWindow, 100); err != want {
			t.Errorf("%d too many: %v, want %v", more, err, want)
		}
	}
}

// What is wrong is refused by both loops: where little input is left, and where
// there is much.
func TestWrongCodesEverywhere(t *testing.T) {
	lit := func(b *block, sym int) { b.put(uint64(fixedLitCode[sym].bits), uint(fixedLitCode[sym].len)) }
	dist := func(b *block, sym int) { b.put(uint64(fixedDistCode[sym].bits), 5) }
	for name, c := range map[string]struct {
		write func(b *block)
		want  error
	}{
		"length symbol 286":   {func(b *block) { lit(b, 286) }, ErrCorrupt},
		"length symbol 287":   {func(b *block) { lit(b, 287) }, ErrCorrupt},
		"286 and a distance":  {func(b *block) { lit(b, 286); dist(b, 0) }, ErrCorrupt},
		"distance symbol 30":  {func(b *block) { lit(b, 257); dist(b, 30) }, ErrCorrupt},
		"distance symbol 31":  {func(b *block) { lit(b, 257); dist(b, 31) }, ErrCorrupt},
		"before the start":    {func(b *block) { lit(b, 257); dist(b, 3) }, ErrFar},
		"beyond the window":   {func(b *block) { lit(b, 257); dist(b, 20); b.put(0, 9) }, ErrFar},
		"beyond both by much": {func(b *block) { lit(b, 257); dist(b, 29); b.put(1<<13-1, 13) }, ErrFar},
	} {
		for _, before := range []int{0, 3, 200} {
			for _, after := range []int{0, 1, 10, 17, 100} {
				if before == 200 && name == "before the start" {
					continue
				}
				var b block
				b.begin(nil)
				b.room(4000)
				b.put(typeFixed<<1, 3)
				for range before {
					lit(&b, 'x')
				}
				c.write(&b)
				for range after {
					lit(&b, 'y')
				}
				lit(&b, endOfBlock)
				payload := b.finish()
				for _, max := range []int{ChunkMax, 1} {
					var z Inflater
					got, err := inflate(&z, payload, nil, 512, max)
					if err != c.want || string(got) != strings.Repeat("x", before) {
						t.Errorf("%s, %d before, %d after: %d bytes, %v", name, before, after, len(got), err)
					}
				}
			}
		}
	}
}

// Every small code, and those of the greatest lengths: a decoder takes what is
// complete, one code of one bit, and none; and then decodes each of its codes.
func TestBuild(t *testing.T) {
	lengths := []uint8{0, 1, 2, 3, 14, 15}
	var d decoder
	for code := range 6 * 6 * 6 * 6 * 6 {
		var lens []uint8
		space, used := 0, 0
		for range 5 {
			l := lengths[code%6]
			lens = append(lens, l)
			if code /= 6; l > 0 {
				space += 1 << (maxCodeLen - l)
				used++
			}
		}
		want := space == 1<<maxCodeLen || used == 0 || used == 1 && space == 1<<(maxCodeLen-1)
		for _, index := range []int{1, 2, distIndex, litIndex} {
			if got := d.build(lens, litEntries[:], index); got != want {
				t.Fatalf("%d: %v, want %v", lens, got, want)
			}
		}
	}
	// A code with one symbol of each length, and two of the last.
	var lens [16]uint8
	for i := range lens {
		lens[i] = uint8(min(i+1, maxCodeLen))
	}
	var e encoder
	e.set(lens[:])
	for _, index := range []int{preIndex, distIndex, litIndex} {
		if !d.build(lens[:], litEntries[:], index) {
			t.Fatal("refused")
		}
		for sym := range lens {
			b := uint64(e[sym].bits) | ^uint64(0)<<e[sym].len
			got := d.table[b&(1<<index-1)]
			if got&15 == 0 {
				got = d.long(b, index)
			}
			if got != litEntries[sym]|entry(lens[sym]) {
				t.Errorf("symbol %d with an index of %d bits: %#x", sym, index, got)
			}
		}
	}
}
