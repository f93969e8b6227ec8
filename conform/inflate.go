package conform

import (
	"errors"
	"fmt"
)

// inflater decodes the compressed messages of one direction. It keeps the last
// 32 KiB of plain text and reports the largest distance that a message used:
// which is what proves that a window asked for is really kept, as no
// general-purpose decoder tells.
type inflater struct {
	reset bool   // every message starts with an empty window
	hist  []byte // plain text that a later message may refer to
}

// maxWindow is the largest distance that RFC 1951 §3.2.5 can express.
const maxWindow = 32 << 10

var (
	errDeflateShort = errors.New("the deflate data ends inside a block")
	errDeflateLimit = errors.New("the message inflates past the limit")
)

// message decodes one message's payload. The result is the caller's.
func (f *inflater) message(p []byte, limit int) (plain []byte, distance int, err error) {
	if f.reset {
		f.hist = f.hist[:0]
	}
	out := append(make([]byte, 0, len(f.hist)+4*len(p)), f.hist...)
	base := len(out)
	d := inflate{in: p, out: out, limit: base + limit}
	if err := d.run(); err != nil {
		return nil, d.distance, err
	}
	f.hist = append(f.hist[:0], d.out[max(0, len(d.out)-maxWindow):]...)
	return d.out[base:], d.distance, nil
}

// inflate is one run over a message, RFC 1951. Input past the end reads as the
// four bytes 00 00 FF FF that RFC 7692 §7.2.2 has the receiver append.
type inflate struct {
	in       []byte
	at       int
	bits     uint32
	nbits    uint
	out      []byte
	limit    int
	distance int
}

var deflateTail = [4]byte{0x00, 0x00, 0xFF, 0xFF}

// run decodes blocks until the input and its appended tail are used up.
func (d *inflate) run() error {
	for {
		head, err := d.take(3)
		if err != nil {
			return err
		}
		switch head >> 1 {
		case 0:
			err = d.stored()
		case 1:
			err = d.codes(&fixedLengths, &fixedDistances)
		case 2:
			err = d.dynamic()
		default:
			err = errors.New("a block has the reserved type 3")
		}
		if err != nil {
			return err
		}
		if head&1 != 0 {
			// A final block: RFC 7692 §7.2.3.4 lets a sender end so, with an
			// empty block after it or nothing.
			d.at -= int(d.nbits / 8)
			d.bits, d.nbits = 0, 0
			if len(d.in)-d.at <= 1 {
				return nil
			}
			continue
		}
		// The tail's length words were read by an empty stored block, whose
		// header stands in the message's own last bits: this is the end.
		if d.at == len(d.in)+len(deflateTail) {
			if head>>1 != 0 {
				return errDeflateShort
			}
			return nil
		}
	}
}

// fill makes n bits available where the input has them.
func (d *inflate) fill(n uint) bool {
	for d.nbits < n {
		var b byte
		switch i := d.at - len(d.in); {
		case i < 0:
			b = d.in[d.at]
		case i < len(deflateTail):
			b = deflateTail[i]
		default:
			return false
		}
		d.at++
		d.bits |= uint32(b) << d.nbits
		d.nbits += 8
	}
	return true
}

func (d *inflate) take(n uint) (uint32, error) {
	if !d.fill(n) {
		return 0, errDeflateShort
	}
	v := d.bits & (1<<n - 1)
	d.bits >>= n
	d.nbits -= n
	return v, nil
}

func (d *inflate) stored() error {
	d.bits >>= d.nbits & 7
	d.nbits &^= 7
	size, err := d.take(16)
	if err != nil {
		return err
	}
	check, err := d.take(16)
	if err != nil {
		return err
	}
	if size != ^check&0xFFFF {
		return fmt.Errorf("a stored block's length %#x does not match its complement %#x", size, check)
	}
	if len(d.out)+int(size) > d.limit {
		return errDeflateLimit
	}
	if size > 0 && d.at+int(size) > len(d.in) {
		return errDeflateShort
	}
	if size > 0 {
		d.out = append(d.out, d.in[d.at:d.at+int(size)]...)
		d.at += int(size)
	}
	return nil
}

// codeOrder is the order in which code length code lengths are sent.
var codeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (d *inflate) dynamic() error {
	head, err := d.take(14)
	if err != nil {
		return err
	}
	nlen, ndist, ncode := int(head&31)+257, int(head>>5&31)+1, int(head>>10)+4
	if nlen > 286 || ndist > 30 {
		return fmt.Errorf("a block announces %d length and %d distance codes", nlen, ndist)
	}
	var lens [286 + 30]uint8
	for i := range ncode {
		v, err := d.take(3)
		if err != nil {
			return err
		}
		lens[codeOrder[i]] = uint8(v)
	}
	var meta, lit, dist huffman
	if err := meta.build(lens[:19]); err != nil {
		return err
	}
	clear(lens[:])
	for i := 0; i < nlen+ndist; {
		sym, err := d.symbol(&meta)
		if err != nil {
			return err
		}
		if sym < 16 {
			lens[i] = uint8(sym)
			i++
			continue
		}
		var value uint8
		extra, base := uint(2), 3
		switch sym {
		case 16:
			if i == 0 {
				return errors.New("a block repeats a code length before the first")
			}
			value = lens[i-1]
		case 17:
			extra = 3
		case 18:
			extra, base = 7, 11
		}
		n, err := d.take(extra)
		if err != nil {
			return err
		}
		if i+base+int(n) > nlen+ndist {
			return errors.New("a block's code lengths run over")
		}
		for range base + int(n) {
			lens[i] = value
			i++
		}
	}
	if lens[256] == 0 {
		return errors.New("a block has no end-of-block code")
	}
	if err := lit.build(lens[:nlen]); err != nil {
		return err
	}
	if err := dist.build(lens[nlen : nlen+ndist]); err != nil {
		return err
	}
	return d.codes(&lit, &dist)
}

var (
	lengthBase  = [29]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [30]uint{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

func (d *inflate) codes(lit, dist *huffman) error {
	for {
		sym, err := d.symbol(lit)
		switch {
		case err != nil:
			return err
		case sym < 256:
			if len(d.out) >= d.limit {
				return errDeflateLimit
			}
			d.out = append(d.out, byte(sym))
			continue
		case sym == 256:
			return nil
		case sym > 285:
			return fmt.Errorf("length code %d is not defined", sym)
		}
		extra, err := d.take(lengthExtra[sym-257])
		if err != nil {
			return err
		}
		n := lengthBase[sym-257] + int(extra)
		sym, err = d.symbol(dist)
		if err != nil {
			return err
		}
		if sym > 29 {
			return fmt.Errorf("distance code %d is not defined", sym)
		}
		extra, err = d.take(distExtra[sym])
		if err != nil {
			return err
		}
		back := distBase[sym] + int(extra)
		d.distance = max(d.distance, back)
		if back > len(d.out) {
			return fmt.Errorf("a match reaches back %d bytes where only %d are known", back, len(d.out))
		}
		if len(d.out)+n > d.limit {
			return errDeflateLimit
		}
		for range n {
			d.out = append(d.out, d.out[len(d.out)-back])
		}
	}
}

// fastBits is how much of a code one table look-up resolves.
const fastBits = 9

// huffman decodes one canonical code, RFC 1951 §3.2.2.
type huffman struct {
	fast  [1 << fastBits]uint16 // symbol<<4 | length; 0: a longer code
	count [16]int
	syms  [288]uint16
}

// build makes the decoder from code lengths. An incomplete code is allowed
// where it has a single symbol (RFC 1951 §3.2.7) or none.
func (h *huffman) build(lens []uint8) error {
	*h = huffman{}
	for _, l := range lens {
		h.count[l]++
	}
	used := len(lens) - h.count[0]
	h.count[0] = 0
	left := 1
	var next, first [16]int
	for l := 1; l < 16; l++ {
		left = left<<1 - h.count[l]
		if left < 0 {
			return errors.New("a block's code is over-subscribed")
		}
		first[l] = (first[l-1] + h.count[l-1]) << 1
		next[l] = next[l-1] + h.count[l-1]
	}
	if left > 0 && used > 1 {
		return errors.New("a block's code is incomplete")
	}
	for sym, l := range lens {
		if l == 0 {
			continue
		}
		h.syms[next[l]] = uint16(sym)
		next[l]++
		if code := first[l]; l <= fastBits {
			r := int(reverseBits(uint32(code), uint(l)))
			for i := r; i < len(h.fast); i += 1 << l {
				h.fast[i] = uint16(sym)<<4 | uint16(l)
			}
		}
		first[l]++
	}
	return nil
}

func (d *inflate) symbol(h *huffman) (int, error) {
	d.fill(fastBits) // near the end fewer bits may do
	if e := h.fast[d.bits&(1<<fastBits-1)]; e != 0 && uint(e&15) <= d.nbits {
		d.bits >>= e & 15
		d.nbits -= uint(e & 15)
		return int(e >> 4), nil
	}
	code, first, index := 0, 0, 0
	for l := 1; l < 16; l++ {
		if !d.fill(uint(l)) {
			return 0, errDeflateShort
		}
		code |= int(d.bits>>(l-1)) & 1
		if code-h.count[l] < first {
			d.bits >>= l
			d.nbits -= uint(l)
			return int(h.syms[index+code-first]), nil
		}
		index += h.count[l]
		first = (first + h.count[l]) << 1
		code <<= 1
	}
	return 0, errors.New("the data has a code that the block does not define")
}

func reverseBits(v uint32, n uint) (r uint32) {
	for range n {
		r = r<<1 | v&1
		v >>= 1
	}
	return r
}

var fixedLengths, fixedDistances = fixedCodes()

func fixedCodes() (lit, dist huffman) {
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	var five [32]uint8
	for i := range five {
		five[i] = 5
	}
	_, _ = lit.build(lens[:]), dist.build(five[:]) // constants, which a test builds too
	return lit, dist
}
