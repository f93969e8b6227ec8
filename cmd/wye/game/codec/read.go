package codec

import "encoding/binary"

// reader takes a message apart from its beginning. After the first failure it
// returns zeros, so that its user may look at err once, at the end.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

// end says whether all was read, and nothing failed.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		return ErrLong
	}
	return r.err
}

// take returns the next n bytes, which are the message's, or nil.
func (r *reader) take(n int) []byte {
	if len(r.rest) < n || r.err != nil {
		r.fail(ErrShort)
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// uvarint reads a number of at most most.
func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	switch {
	case r.err != nil:
		return 0
	case n == 0:
		r.fail(ErrShort)
		return 0
	case n < 0 || v > most:
		r.fail(ErrNumber)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}
