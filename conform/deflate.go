package conform

import (
	"bytes"
	"slices"
)

// A bitWriter writes deflate's bit order: the lowest bit of a byte first.
type bitWriter struct {
	out  []byte
	bits uint64
	n    uint
}

func (w *bitWriter) put(v uint32, n uint) {
	w.bits |= uint64(v) << w.n
	w.n += n
	for w.n >= 8 {
		w.out = append(w.out, byte(w.bits))
		w.bits >>= 8
		w.n -= 8
	}
}

func (w *bitWriter) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// fixed writes one symbol in the fixed code of RFC 1951 §3.2.6.
func (w *bitWriter) fixed(sym int) {
	switch {
	case sym < 144:
		w.put(reverseBits(uint32(0x30+sym), 8), 8)
	case sym < 256:
		w.put(reverseBits(uint32(0x190+sym-144), 9), 9)
	case sym < 280:
		w.put(reverseBits(uint32(sym-256), 7), 7)
	default:
		w.put(reverseBits(uint32(0xC0+sym-280), 8), 8)
	}
}

// match writes a copy of n bytes (3 to 258) from back bytes before.
func (w *bitWriter) match(n, back int) {
	i, _ := slices.BinarySearch(lengthBase[:], n+1)
	i--
	w.fixed(257 + i)
	w.put(uint32(n-lengthBase[i]), lengthExtra[i])
	j, _ := slices.BinarySearch(distBase[:], back+1)
	j--
	w.put(reverseBits(uint32(j), 5), 5)
	w.put(uint32(back-distBase[j]), distExtra[j])
}

// flush ends the message as RFC 7692 §7.2.1 says: an empty stored block whose
// last four bytes are left out.
func (w *bitWriter) flush() []byte {
	w.put(0, 3)
	w.align()
	return w.out
}

// deflater makes compressed messages with fixed codes and matches as far back
// as its window reaches: it uses the window to the full, so that an endpoint
// that keeps a smaller one than it agreed to is found out.
type deflater struct {
	window int  // 256 to 32768 bytes
	reset  bool // no context takeover
	hist   []byte
	heads  [1 << 13]int32 // position+1 of the last match candidate, by hash
}

// message compresses one message. The result is the caller's.
func (d *deflater) message(p []byte) []byte {
	if d.reset {
		d.hist = d.hist[:0]
	}
	clear(d.heads[:])
	text := append(slices.Clip(d.hist), p...)
	hash := func(i int) int {
		v := uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16
		return int(v * 0x9E3779B1 >> 19)
	}
	base := len(d.hist)
	for i := 0; i+3 <= base; i++ {
		// The oldest candidate wins, so that matches reach far.
		if h := hash(i); d.heads[h] == 0 {
			d.heads[h] = int32(i + 1)
		}
	}
	var w bitWriter
	w.put(0b010, 3) // not final, fixed codes
	for i := base; i < len(text); {
		if i+3 > len(text) {
			w.fixed(int(text[i]))
			i++
			continue
		}
		h := hash(i)
		from := int(d.heads[h]) - 1
		n := 0
		if from >= 0 && i-from <= d.window {
			for n < 258 && i+n < len(text) && text[from+n] == text[i+n] {
				n++
			}
		} else {
			d.heads[h] = int32(i + 1)
		}
		if n < 3 {
			w.fixed(int(text[i]))
			i++
			continue
		}
		w.match(n, i-from)
		i += n
	}
	w.fixed(256)
	d.hist = append(d.hist[:0], text[max(0, len(text)-d.window):]...)
	return w.flush()
}

// storedMessage wraps p in stored blocks, which need no codes at all.
func storedMessage(p []byte) []byte {
	var w bitWriter
	for len(p) > 0 {
		n := min(len(p), 0xFFFF)
		w.put(0, 3)
		w.align()
		w.out = append(w.out, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		w.out = append(w.out, p[:n]...)
		p = p[n:]
	}
	return w.flush()
}

// literalMessage writes p in one fixed block without a match.
func literalMessage(p []byte) []byte {
	var w bitWriter
	w.put(0b010, 3)
	for _, b := range p {
		w.fixed(int(b))
	}
	w.fixed(256)
	return w.flush()
}

// finalMessage ends in a block with BFINAL set, which RFC 7692 §7.2.3.4 allows:
// the block is padded and an empty block's first byte follows.
func finalMessage(p []byte) []byte {
	var w bitWriter
	w.put(0b011, 3)
	for _, b := range p {
		w.fixed(int(b))
	}
	w.fixed(256)
	w.align()
	return append(w.out, 0)
}

// manyBlocks writes every byte in a block of its own, of each type in turn:
// fixed, stored and dynamic.
func manyBlocks(p []byte) []byte {
	var w bitWriter
	for i, b := range p {
		switch i % 3 {
		case 0:
			w.put(0b010, 3)
			w.fixed(int(b))
			w.fixed(256)
		case 1:
			w.put(0, 3)
			w.align()
			w.out = append(w.out, 1, 0, 0xFE, 0xFF, b)
		case 2:
			w.dynamic(b)
		}
	}
	return w.flush()
}

// dynamic writes one byte in a dynamic block, RFC 1951 §3.2.7: a code of two
// symbols of one bit each, the byte and the end of the block, and no distances.
func (w *bitWriter) dynamic(b byte) {
	w.put(0b100, 3)
	w.put(0, 5)  // 257 literal codes
	w.put(0, 5)  // 1 distance code
	w.put(14, 4) // 18 code length codes, up to the length 1
	for _, sym := range codeOrder[:18] {
		switch sym { // lengths 0 and 1 in two bits, a run of zeros in one
		case 18:
			w.put(1, 3)
		case 0, 1:
			w.put(2, 3)
		default:
			w.put(0, 3)
		}
	}
	// The code so described: 18 is 0; 0 is 10; 1 is 11.
	one := func() { w.put(0b11, 2) }
	zeros := func(n int) {
		for n >= 11 {
			k := min(n, 138)
			w.put(0, 1)
			w.put(uint32(k-11), 7)
			n -= k
		}
		for range n {
			w.put(0b01, 2)
		}
	}
	zeros(int(b))
	one()
	zeros(255 - int(b))
	one()    // 256
	zeros(1) // the one distance code is not used
	w.put(0, 1)
	w.put(1, 1)
}

// farMatch is a message whose second half copies its first from exactly back
// bytes before; it returns the plain text too. first is the text to be copied.
func farMatch(first []byte, back int) (compressed, plain []byte) {
	filler := bytes.Repeat([]byte{'.'}, max(0, back-len(first)))
	plain = slices.Concat(first, filler, first)
	var w bitWriter
	w.put(0b010, 3)
	for _, b := range plain[:len(first)+len(filler)] {
		w.fixed(int(b))
	}
	for at := 0; at < len(first); {
		n := min(258, len(first)-at)
		w.match(n, back)
		at += n
	}
	w.fixed(256)
	return w.flush(), plain
}

// bomb is a message that inflates to n zero bytes from about n/1000.
func bomb(n int) []byte {
	var w bitWriter
	w.put(0b010, 3)
	w.fixed(0)
	for n--; n >= 258; n -= 258 {
		w.match(258, 1)
	}
	for ; n > 0; n-- {
		w.fixed(0)
	}
	w.fixed(256)
	return w.flush()
}
