package deflate

import "errors"

// reference inflates a message bit by bit, by the letter of RFC 1951 and RFC 7692
// §7.2.2, as slowly and plainly as can be. It is what the Inflater is held
// against, and it tells the largest distance that a message uses, which proves
// that a Deflater keeps to its window.
type reference struct {
	in   []byte // with the tail
	bit  int
	out  []byte
	far  int // the largest distance
	base int // what out had of the window
}

var errReference = errors.New("reference: bad data")

func byReference(payload, window []byte) (plain []byte, far int, err error) {
	r := reference{in: append(append([]byte{}, payload...), tail[:]...), out: append([]byte{}, window...), base: len(window)}
	defer func() {
		if e := recover(); e != nil {
			if e != errReference {
				panic(e)
			}
			plain, err = r.out[r.base:], errReference
		}
	}()
	r.message(len(payload))
	return r.out[r.base:], r.far, nil
}

func (r *reference) bits(n int) (v int) {
	for i := range n {
		if r.bit == 8*len(r.in) {
			panic(errReference)
		}
		v |= int(r.in[r.bit/8]>>(r.bit%8)&1) << i
		r.bit++
	}
	return v
}

func (r *reference) message(size int) {
	for {
		final, kind := r.bits(1), r.bits(2)
		switch kind {
		case 0:
			r.bit = (r.bit + 7) / 8 * 8
			at := r.bit / 8
			n := r.bits(16)
			if r.bits(16) != n^0xffff {
				panic(errReference)
			}
			if at == size && n == 0 {
				return
			}
			if r.bit/8+n > size {
				panic(errReference)
			}
			for range n {
				r.out = append(r.out, byte(r.bits(8)))
			}
		case 1:
			r.codes(fixedLit[:], fixedDist[:])
		case 2:
			r.dynamic()
		default:
			panic(errReference)
		}
		if final == 1 {
			r.bit = (r.bit + 7) / 8 * 8
			switch at := r.bit / 8; {
			case at == size:
				return
			case at > size:
				panic(errReference)
			}
		}
	}
}

// A codebook has each code as its length and value.
type codebook map[[2]int]int

// book assigns the codes: they count up, the shorter ones first, and among those
// of one length in the order of their symbols. RFC 1951 §3.2.2.
func book(lens []uint8) codebook {
	b := codebook{}
	code := 0
	for l := 1; l <= 15; l++ {
		code <<= 1
		for sym, n := range lens {
			if int(n) == l {
				b[[2]int{l, code}] = sym
				code++
			}
		}
	}
	return b
}

// symbol reads a code bit by bit, until it is one.
func (r *reference) symbol(b codebook) int {
	code := 0
	for l := 1; l <= 15; l++ {
		code = code<<1 | r.bits(1)
		if sym, ok := b[[2]int{l, code}]; ok {
			return sym
		}
	}
	panic(errReference)
}

// complete panics unless lens make a code that RFC 1951 allows.
func complete(lens []uint8) {
	space, used := 0, 0
	for _, n := range lens {
		if n > 0 {
			space += 1 << (15 - n)
			used++
		}
	}
	if space != 1<<15 && used != 0 && !(used == 1 && space == 1<<14) {
		panic(errReference)
	}
}

func (r *reference) dynamic() {
	nlit, ndist, npre := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
	if nlit > 286 || ndist > 30 {
		panic(errReference)
	}
	var pre [19]uint8
	for _, i := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:npre] {
		pre[i] = uint8(r.bits(3))
	}
	complete(pre[:])
	codes := book(pre[:])
	var lens []uint8
	repeat := func(v uint8, n int) {
		for range n {
			lens = append(lens, v)
		}
	}
	for len(lens) < nlit+ndist {
		switch sym := r.symbol(codes); {
		case sym < 16:
			repeat(uint8(sym), 1)
		case sym == 16 && len(lens) == 0:
			panic(errReference)
		case sym == 16:
			repeat(lens[len(lens)-1], 3+r.bits(2))
		case sym == 17:
			repeat(0, 3+r.bits(3))
		default:
			repeat(0, 11+r.bits(7))
		}
	}
	if len(lens) > nlit+ndist || lens[256] == 0 {
		panic(errReference)
	}
	complete(lens[:nlit])
	complete(lens[nlit:])
	r.codes(lens[:nlit], lens[nlit:])
}

func (r *reference) codes(litLens, distLens []uint8) {
	lit, dist := book(litLens), book(distLens)
	for {
		sym := r.symbol(lit)
		switch {
		case sym < 256:
			r.out = append(r.out, byte(sym))
			continue
		case sym == 256:
			return
		case sym > 285:
			panic(errReference)
		}
		bases := []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
		extra := []int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
		n := bases[sym-257] + r.bits(extra[sym-257])
		sym = r.symbol(dist)
		if sym > 29 {
			panic(errReference)
		}
		back := sym + 1
		if sym > 3 {
			more := sym/2 - 1
			back = (2+sym%2)<<more + 1 + r.bits(more)
		}
		if back > len(r.out) || back > MaxWindow {
			panic(errReference)
		}
		r.far = max(r.far, back)
		for range n {
			r.out = append(r.out, r.out[len(r.out)-back])
		}
	}
}
