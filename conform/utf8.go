package conform

// utf8State is a table-driven UTF-8 checker that can be fed in pieces and
// knows of a fault at the first byte that no valid text could have there. Its
// zero value is ready and stands between two code points.
type utf8State uint8

// The states are what may come next. RFC 3629 §4 gives the ranges.
const (
	utf8Start   utf8State = iota // a code point's first byte
	utf8Tail1                    // one continuation byte
	utf8Tail2                    // two
	utf8Tail3                    // three
	utf8AfterE0                  // A0..BF, then one: no overlong form
	utf8AfterED                  // 80..9F, then one: no surrogate
	utf8AfterF0                  // 90..BF, then two: no overlong form
	utf8AfterF4                  // 80..8F, then two: not past U+10FFFF
	utf8Bad                      // no way out
)

var utf8Table = buildUTF8Table()

func buildUTF8Table() (t [utf8Bad + 1][256]utf8State) {
	for s := range t {
		for b := range t[s] {
			t[s][b] = utf8Bad
		}
	}
	set := func(from utf8State, lo, hi int, to utf8State) {
		for b := lo; b <= hi; b++ {
			t[from][b] = to
		}
	}
	set(utf8Start, 0x00, 0x7F, utf8Start)
	set(utf8Start, 0xC2, 0xDF, utf8Tail1)
	set(utf8Start, 0xE0, 0xE0, utf8AfterE0)
	set(utf8Start, 0xE1, 0xEC, utf8Tail2)
	set(utf8Start, 0xED, 0xED, utf8AfterED)
	set(utf8Start, 0xEE, 0xEF, utf8Tail2)
	set(utf8Start, 0xF0, 0xF0, utf8AfterF0)
	set(utf8Start, 0xF1, 0xF3, utf8Tail3)
	set(utf8Start, 0xF4, 0xF4, utf8AfterF4)
	set(utf8Tail1, 0x80, 0xBF, utf8Start)
	set(utf8Tail2, 0x80, 0xBF, utf8Tail1)
	set(utf8Tail3, 0x80, 0xBF, utf8Tail2)
	set(utf8AfterE0, 0xA0, 0xBF, utf8Tail1)
	set(utf8AfterED, 0x80, 0x9F, utf8Tail1)
	set(utf8AfterF0, 0x90, 0xBF, utf8Tail2)
	set(utf8AfterF4, 0x80, 0x8F, utf8Tail2)
	return t
}

// feed returns the state after p.
func (s utf8State) feed(p []byte) utf8State {
	for _, b := range p {
		s = utf8Table[s][b]
	}
	return s
}

// validUTF8 reports whether p is whole, valid UTF-8.
func validUTF8(p []byte) bool { return utf8State(0).feed(p) == utf8Start }
