package faulty

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// terms is what both ends agreed on.
type terms struct {
	ownBits, peerBits   int
	ownReset, peerReset bool
}

// codec compresses and inflates one connection's messages.
type codec struct {
	Endpoint
	terms
	w      *flate.Writer
	out    bytes.Buffer
	window []byte // plain text that the peer may refer to
	r      io.ReadCloser
}

// Windows that compress/flate cannot keep are kept by not referring back at all.
var fullWriters = sync.Pool{New: func() any { w, _ := flate.NewWriter(nil, 4); return w }}
var literalWriters = sync.Pool{New: func() any { w, _ := flate.NewWriter(nil, flate.HuffmanOnly); return w }}

func newCodec(e Endpoint, t terms) *codec {
	c := &codec{Endpoint: e, terms: t}
	pool := &literalWriters
	if t.ownBits == 15 || e.is(IgnoresWindow) {
		pool = &fullWriters
	}
	c.w = pool.Get().(*flate.Writer)
	c.w.Reset(&c.out)
	c.r = flate.NewReader(bytes.NewReader(nil))
	return c
}

func (c *codec) release() {
	c.w.Reset(io.Discard)
	if c.ownBits == 15 || c.is(IgnoresWindow) {
		fullWriters.Put(c.w)
	} else {
		literalWriters.Put(c.w)
	}
}

// deflate compresses a message; the result is valid until the next call.
func (c *codec) deflate(p []byte) []byte {
	c.out.Reset()
	if c.ownReset && !c.is(TakesOverAnyway) || c.is(ResetsAnyway) {
		c.w.Reset(&c.out)
	}
	_, _ = c.w.Write(p)
	_ = c.w.Flush()
	return bytes.TrimSuffix(c.out.Bytes(), []byte{0, 0, 0xFF, 0xFF})
}

// inflateLimit bounds a compressed message, messageLimit any.
const (
	inflateLimit = 1 << 20
	messageLimit = 32 << 20
)

var (
	errTooBig  = errors.New("too big")
	errDamaged = errors.New("damaged")
)

// inflate expands a message.
func (c *codec) inflate(p []byte, fragmented bool) ([]byte, error) {
	window := c.window
	if c.peerReset || c.is(NoDecodeTakeover) {
		window = nil
	}
	if c.is(SmallDecodeWindow) {
		window = window[max(0, len(window)-1<<c.peerBits/2):]
	}
	final := c.is(NoFinal) && len(p) > 0 && p[0]&1 == 1
	stored := len(p) > 1 && p[0]&6 == 0
	if final || c.is(NoStored) && stored || c.is(NoFixed) && len(p) > 1 && p[0]&6 == 2 {
		return nil, errDamaged
	}
	in := io.MultiReader(bytes.NewReader(p), bytes.NewReader([]byte{0, 0, 0xFF, 0xFF, 1, 0, 0, 0xFF, 0xFF}))
	_ = c.r.(flate.Resetter).Reset(in, window)
	limit := int64(inflateLimit)
	if c.is(NoInflateLimit) {
		limit = 1 << 30
	}
	out, err := io.ReadAll(io.LimitReader(c.r, limit+1))
	if int64(len(out)) > limit {
		return nil, errTooBig
	}
	if err != nil && !c.is(IgnoresDamage) {
		return nil, errDamaged
	}
	if len(out) == 0 && c.is(ForgetsAfterEmpty) {
		c.window = nil
	}
	if !fragmented || !c.is(FragmentForgets) {
		c.window = append(c.window, out...)
		c.window = bytes.Clone(c.window[max(0, len(c.window)-1<<c.peerBits):])
	}
	return out, nil
}
