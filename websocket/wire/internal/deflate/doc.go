// Package deflate is DEFLATE, RFC 1951, for messages: as much of it as RFC 7692
// needs, and with what it asks for that other packages do not have.
//
// Both directions keep to a window of any size from 256 bytes to 32 KiB: a
// [Deflater] refers no further back, and an [Inflater] refuses what does. The
// window is plaintext that the caller keeps from one message to the next, see
// [Slide], and is all that there is to keep: Deflaters and Inflaters serve one
// message at a time, of any connection, and belong into pools.
//
// What comes out of a Deflater and goes into an Inflater is the payload of a
// compressed message: without the last four bytes, 00 00 ff ff. RFC 7692 §7.2.
package deflate

// MaxWindow is the largest distance that DEFLATE can express. RFC 1951 §3.2.5.
const MaxWindow = 32 << 10

// Slide returns the last size bytes of w followed by p: the window after p. It
// uses the room that w has, whose bytes are its own, and keeps nothing of p. What
// it allocates is never longer than size.
func Slide(w, p []byte, size int) []byte {
	if len(p) >= size {
		w, p = w[:0], p[len(p)-size:]
	}
	if n := len(w) + len(p); n > cap(w) {
		room := min(max(2*cap(w), 512), size)
		for room < min(n, size) {
			room = min(2*room, size)
		}
		if room > cap(w) {
			w = append(make([]byte, 0, room), w...)
		}
	}
	if over := len(w) + len(p) - size; over > 0 {
		w = w[:copy(w, w[over:])]
	}
	return append(w, p...)
}
