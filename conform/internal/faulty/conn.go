package faulty

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
	"unicode/utf8"
)

const (
	cont = 0
	txt  = 1
	bin  = 2
	cls  = 8
	ping = 9
	pong = 10
)

// failure ends a connection with a Close frame.
type failure struct{ code int }

func (f failure) Error() string { return "failed" }

// errDone ends a connection after its closing handshake.
var errDone = errors.New("done")

// conn is one open connection; one goroutine uses it.
type conn struct {
	Endpoint
	nc    net.Conn
	br    *bufio.Reader
	codec *codec // nil: no compression
	out   []byte
	key   uint32

	op         byte // of the open message; 0: none
	compressed bool
	body       []byte
	fragments  int
	text       []byte // the start of a code point
	held       [][]byte
	begun      []byte // a fragmented control frame: its opcode, then its payload
	count      int
	pongs      int
	closed     bool // a Close frame came
}

// echo reads messages and sends them back until the connection ends.
func (e Endpoint) echo(nc net.Conn, br *bufio.Reader, t *terms) {
	c := &conn{Endpoint: e, nc: nc, br: br, key: 0x9E3779B9}
	if t != nil {
		c.codec = newCodec(e, *t)
		defer c.codec.release()
	}
	defer nc.Close()
	var err error
	for err == nil {
		err = c.frame()
	}
	var f failure
	switch {
	case errors.As(err, &f):
		c.fail(f.code)
	case errors.Is(err, errDone):
		c.end()
	case c.is(IgnoresFIN) && errors.Is(err, io.EOF), c.is(IgnoresFIN) && errors.Is(err, io.ErrUnexpectedEOF):
		time.Sleep(time.Minute)
	}
}

// fail ends the connection as RFC 6455 §7.1.7 says.
func (c *conn) fail(code int) {
	if c.is(NeverFails) {
		_, _ = io.Copy(io.Discard, c.br)
		return
	}
	if c.is(FailsSilently) {
		return
	}
	if c.is(FailsWith1011) {
		code = 1011
	}
	c.send(cls, 0, binary.BigEndian.AppendUint16(nil, uint16(code)))
	c.linger(time.Second)
}

// end lets TCP end in the right order: the server first.
func (c *conn) end() {
	if c.is(LingersAfterClose) == c.Server {
		c.linger(5 * time.Second)
	}
}

// linger reads on until the peer closes, so that what was sent is not lost.
func (c *conn) linger(most time.Duration) {
	if c.is(WaitsForCloseAnswer) {
		most = time.Hour
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(most))
	if c.Server || c.is(WaitsForCloseAnswer) { // until the peer's Close frame
		for !c.closed && c.skipFrame() == nil {
		}
		if !c.is(LingersAfterClose) {
			return
		}
	}
	_, _ = io.Copy(io.Discard, c.br)
}

func (c *conn) skipFrame() error {
	h, err := c.head()
	if err != nil {
		return err
	}
	c.closed = h.op == cls
	_, err = io.CopyN(io.Discard, c.br, int64(min(h.n, 1<<40)))
	return err
}

type frameHead struct {
	fin, masked bool
	rsv, op     byte
	n           uint64
	key         [4]byte
	short       bool
}

func (c *conn) head() (h frameHead, err error) {
	var b [8]byte
	if _, err = io.ReadFull(c.br, b[:2]); err != nil {
		return h, err
	}
	h = frameHead{fin: b[0]&0x80 != 0, rsv: b[0] >> 4 & 7, op: b[0] & 15, masked: b[1]&0x80 != 0, n: uint64(b[1] & 0x7F), short: true}
	switch h.n {
	case 126:
		if _, err = io.ReadFull(c.br, b[:2]); err != nil {
			return h, err
		}
		h.n = uint64(binary.BigEndian.Uint16(b[:2]))
		h.short = h.n > 125
		if c.is(Length16Signed) && h.n > 0x7FFF {
			return h, failure{1009}
		}
	case 127:
		if _, err = io.ReadFull(c.br, b[:8]); err != nil {
			return h, err
		}
		h.n = binary.BigEndian.Uint64(b[:8])
		h.short = h.n > 0xFFFF
		if c.is(Length64Upper) && h.n>>40 == 0 {
			h.n >>= 32
		}
	}
	if h.masked {
		_, err = io.ReadFull(c.br, h.key[:])
	}
	return h, err
}

// frame reads one frame and answers it.
func (c *conn) frame() error {
	h, err := c.head()
	if err != nil {
		return err
	}
	control := h.op >= 8
	if err := c.checkHead(h); err != nil {
		return err
	}
	if c.is(TopBitAllocates) && h.n>>40 != 0 {
		if c.State != nil {
			c.State.down.Store(true)
		}
		return io.ErrUnexpectedEOF
	}
	p, err := c.payload(h)
	if err != nil {
		return err
	}
	if control && h.n > 125 && !c.is(LongControl) && !(h.op == cls && c.is(LongReason)) {
		return failure{1002} // LateControlLimit: the head let it pass
	}
	switch {
	case control && c.is(FragmentedControl) && !h.fin && h.op != cls:
		c.begun = append(c.begun[:0], append([]byte{h.op}, p...)...)
		return nil
	case h.op == cont && c.begun != nil:
		h.op, p = c.begun[0], append(c.begun[1:], p...)
		c.begun = nil
		return c.control(h, p)
	case control:
		return c.control(h, p)
	case h.op > bin: // IgnoresOpcode
		return nil
	}
	return c.data(h, p)
}

// checkHead judges what can be known before the payload comes.
func (c *conn) checkHead(h frameHead) error {
	control := h.op >= 8
	reserved := h.op > bin && h.op < cls || h.op > pong
	wrongMask := h.masked != c.Server && !c.is(AcceptsWrongMask) && !(control && c.is(AcceptsMaskOnCtl))
	rsv := h.rsv
	first := (h.op == txt || h.op == bin) && c.op == 0
	if c.codec != nil && (first || h.op == cont && c.is(RSV1OnContinuation) || control && c.is(RSV1OnControl)) {
		rsv &^= 4
	}
	ignored := c.is(IgnoresRSV) || control && c.is(IgnoresRSVOnControl) || c.codec != nil && c.is(AllRSV)
	skipped := c.is(IgnoresOpcode) || control && c.is(IgnoresControlOpcode) || c.op != 0 && c.is(SkipsOpcodeInMessage)
	long := h.n > 125 && !c.is(LongControl, LateControlLimit) && !(h.op == cls && c.is(LongReason))
	switch {
	case reserved && !skipped:
		return failure{1002}
	case rsv != 0 && !ignored:
		return failure{1002}
	case wrongMask:
		return failure{1002}
	case !h.short && !c.is(LongForms):
		return failure{1002}
	case h.n>>63 != 0 && !c.is(TopBit, AnyLength, TopBitAllocates):
		return failure{1002}
	case control && !h.fin && !c.is(FragmentedControl, IgnoresControlFIN):
		return failure{1002}
	case control && long:
		return failure{1002}
	case control || reserved:
		return nil
	case h.op == cont && c.op == 0 && c.begun == nil && !c.is(StrayContinuation, NoFragments, EmptyFragmentEnds):
		return failure{1002}
	case h.op != cont && c.op != 0 && !c.is(NestedMessage, NoFragments):
		return failure{1002}
	case h.n > messageLimit && !c.is(TopBitAllocates, AnyLength, TopBit), h.n <= messageLimit && len(c.body)+int(h.n) > messageLimit:
		if c.is(BombSilent) {
			return io.ErrUnexpectedEOF
		}
		return failure{1009}
	}
	return nil
}

// payload reads and unmasks a frame's payload; a text is checked as it comes.
func (c *conn) payload(h frameHead) ([]byte, error) {
	if c.is(TopBit, AnyLength) && h.n > 1<<32 {
		_, err := io.Copy(io.Discard, c.br)
		return nil, errors.Join(err, io.EOF)
	}
	n := int(min(h.n, 1<<30))
	p := make([]byte, 0, min(n, 1<<20))
	isText := h.op == txt && h.rsv&4 == 0 || h.op == cont && c.op == txt && !c.compressed
	if h.op == txt && c.op == 0 {
		c.text = c.text[:0]
		if c.is(UTF8BinaryRemains) {
			c.text = append(c.text, c.held0()...)
		}
	}
	if c.is(UTF8OnWire) && c.codec != nil && (h.op == txt || h.op == cont && c.op == txt) {
		isText = true
	} else if c.codec != nil && h.rsv&4 != 0 {
		isText = false
	}
	if h.op == bin && c.is(UTF8Binary) && c.codec == nil {
		isText = true
	}
	if c.is(ShortReads) && c.br.Buffered() < n && n < 60000 && n > 0 {
		_, err := io.CopyN(io.Discard, c.br, int64(n))
		return nil, errors.Join(err, errDone)
	}
	for len(p) < n {
		at := len(p)
		want := min(n-at, 64<<10)
		if b := c.br.Buffered(); b > 0 {
			want = min(want, b)
		} else if _, err := c.br.Peek(1); err != nil {
			return nil, err
		} else {
			want = min(want, c.br.Buffered())
		}
		p = append(p, make([]byte, want)...)
		if _, err := io.ReadFull(c.br, p[at:]); err != nil {
			return nil, err
		}
		if h.masked {
			for i := at; i < len(p); i++ {
				p[i] ^= h.key[i&3]
			}
		}
		if isText && !c.is(UTF8AtEnd, UTF8AtFrameEnd) && !(c.is(UTF8AtEndInFragment) && (!h.fin || h.op == cont)) {
			if err := c.checkText(p[at:], at+len(c.body)); err != nil {
				return nil, err
			}
		}
	}
	if isText && c.is(UTF8AtFrameEnd) {
		if err := c.checkText(p, 0); err != nil {
			return nil, err
		}
	}
	if isText && c.is(UTF8PerFragment) && len(c.text) > 0 {
		return nil, c.badText()
	}
	return p, nil
}

func (c *conn) held0() []byte {
	if len(c.held) == 0 {
		return nil
	}
	p := c.held[0]
	c.held = nil
	return p
}

func (c *conn) badText() error {
	if c.is(UTF8BadCode) {
		return failure{1002}
	}
	return failure{1007}
}

// checkText checks the next piece of a text; offset is where it stands.
func (c *conn) checkText(p []byte, offset int) error {
	if c.is(NoUTF8) || c.is(UTF8NotPast32K) && offset >= 32<<10 {
		return nil
	}
	b := append(c.text, p...)
	for len(b) > 0 {
		if b[0] >= 0x20 && b[0] < 0x7F { // whatever the fault, no ASCII is at stake
			i := 1
			for i < len(b) && b[i] >= 0x20 && b[i] < 0x7F {
				i++
			}
			b = b[i:]
			if c.is(UTF8NotPast32K) && offset+len(p)-len(b) >= 32<<10 {
				b = nil
			}
			continue
		}
		n, ok, whole := c.codePoint(b)
		if !whole {
			break
		}
		if !ok {
			return c.badText()
		}
		b = b[n:]
		if c.is(UTF8NotPast32K) && offset+len(p)-len(b) >= 32<<10 {
			b = nil
		}
	}
	c.text = append(c.text[:0:0], b...)
	return nil
}

// codePoint reads one code point, or what a fault takes for one; it is not
// whole where more bytes are needed.
func (c *conn) codePoint(b []byte) (n int, ok, whole bool) {
	loose := func(size int) (int, bool, bool) {
		for i := 1; i < size; i++ {
			if i >= len(b) {
				return 0, true, false
			}
			if b[i]&0xC0 != 0x80 {
				return 1, false, true
			}
		}
		return size, true, true
	}
	switch {
	case c.is(UTF8Surrogates) && b[0] == 0xED && (len(b) < 2 || b[1] >= 0xA0):
		return loose(3)
	case c.is(UTF8Overlong) && (b[0] == 0xC0 || b[0] == 0xC1):
		return loose(2)
	case c.is(UTF8Overlong) && b[0] == 0xE0:
		return loose(3)
	case c.is(UTF8Overlong) && b[0] == 0xF0:
		return loose(4)
	case c.is(UTF8PastEnd) && b[0] >= 0xF4 && b[0] <= 0xF7:
		return loose(4)
	case c.is(UTF8FiveBytes) && b[0] >= 0xF8 && b[0] <= 0xFB:
		return loose(5)
	case c.is(UTF8FiveBytes) && (b[0] == 0xFC || b[0] == 0xFD):
		return loose(6)
	case c.is(UTF8NeverBytes) && b[0] >= 0xFE, c.is(UTF8LooseTail) && b[0]&0xC0 == 0x80:
		return 1, true, true
	case c.is(UTF8LonelyStart) && b[0] >= 0xC0 && b[0] < 0xFE && (len(b) < 2 || b[1]&0xC0 != 0x80):
		return 1, true, true
	case c.is(UTF8NoNUL) && b[0] == 0, c.is(UTF8DelRejected) && b[0] == 0x7F, c.is(UTF8ASCII) && b[0] >= 0x80:
		return 1, false, true
	}
	if !utf8.FullRune(b) {
		return 0, true, false
	}
	r, n := utf8.DecodeRune(b)
	switch {
	case r == utf8.RuneError && n == 1:
		return 1, false, true
	case c.is(UTF8NoNonchars) && (r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF):
		return n, false, true
	case c.is(UTF8BMPOnly) && n == 4:
		return n, false, true
	}
	return n, true, true
}

// data handles a whole data frame.
func (c *conn) data(h frameHead, p []byte) error {
	if h.op != cont || c.op == 0 {
		c.op = h.op
		if h.op == cont { // StrayContinuation and the like
			c.op = txt
		}
		c.compressed = c.codec != nil && h.rsv&4 != 0
		c.body, c.fragments = nil, 0
		if c.is(FragmentLeak) && c.count > 0 {
			c.body = append(c.body, c.held0()...)
		}
		if !c.compressed && c.codec != nil && c.is(NoPlain) {
			return failure{1002}
		}
	}
	c.fragments++
	if c.is(ManyFragmentsFail) && c.fragments > 100_000 || c.is(EmptyFragmentLoop) && c.fragments > 10_000 && len(c.body) == 0 {
		return io.ErrUnexpectedEOF
	}
	if !(c.is(NoMoreThan500Fragments) && c.fragments > 500) {
		if c.compressed && c.is(InflatesPerFrame) && (!h.fin || h.op == cont) {
			return failure{1007}
		}
		c.body = append(c.body, p...)
		if c.is(FragmentsReversed) && c.fragments < 2000 {
			c.body = append(bytes.Clone(p), c.body[:len(c.body)-len(p)]...)
		}
	}
	if c.is(EmptyFragmentFails) && len(p) == 0 && (!h.fin || h.op == cont) {
		return failure{1002}
	}
	emptyEnd := len(p) == 0 && c.is(EmptyFragmentEnds) && c.fragments > 1
	if !h.fin && !c.is(NoFragments) && !emptyEnd {
		return nil
	}
	op, body := c.op, c.body
	c.op, c.body = 0, nil
	if c.is(EmptyTailDropped) && c.compressed && c.fragments > 1 && (len(p) == 0 || c.fragments == 2 && len(p) == len(body)) {
		return nil
	}
	if err := c.message(op, body); err != nil {
		return err
	}
	for _, p := range c.held { // FragmentsHoldControl
		c.send(pong, 0, p)
	}
	c.held = nil
	if c.is(FragmentLeak) && c.fragments > 1 {
		c.held = append(c.held, body)
	}
	if c.is(UTF8BinaryRemains) && op == bin && len(body) > 0 && !utf8.FullRune(body[max(0, len(body)-1):]) {
		c.held = [][]byte{body[len(body)-1:]}
	}
	return nil
}

// message checks a whole message and sends it back.
func (c *conn) message(op byte, p []byte) error {
	c.count++
	isText := op == txt
	if c.compressed {
		plain, err := c.codec.inflate(p, c.fragments > 1)
		switch {
		case errors.Is(err, errTooBig) && c.is(BombSilent):
			return io.ErrUnexpectedEOF
		case errors.Is(err, errTooBig):
			return failure{1009}
		case err != nil:
			return failure{1007}
		}
		p = plain
		if isText && !c.is(CompressedUTF8) || c.is(CompressedBinaryUTF8) {
			c.text = nil
			if err := c.checkText(p, 0); err != nil {
				return err
			}
		} else {
			isText = false
		}
		if len(p) == 0 && c.is(DropsEmptyCompressed) {
			return nil
		}
		if c.is(DeflateLosesSmall) && c.count%3 == 0 {
			return nil
		}
	} else if c.codec != nil && c.is(ForgetsAfterPlain) {
		c.codec.window = nil
	}
	if isText && !c.compressed && (c.is(UTF8AtEnd) || c.is(UTF8AtEndInFragment) && c.fragments > 1) {
		c.text = nil
		if err := c.checkText(p, 0); err != nil {
			return err
		}
	}
	if isText && len(c.text) > 0 && !c.is(UTF8Truncated, NoUTF8) && !(c.is(UTF8LonelyStart) && len(c.text) == 1) {
		return c.badText()
	}
	return c.reply(op, p)
}

// reply sends an echo.
func (c *conn) reply(op byte, p []byte) error {
	switch {
	case c.is(DropsEmpty) && len(p) == 0, c.is(SlowMany) && c.count%100 == 0:
		return nil
	case c.is(DropsLastByte) && len(p) > 0, c.is(Around126Lost) && len(p) >= 125 && len(p) <= 128:
		p = p[:len(p)-1]
	case c.is(ForgetsType):
		op = txt
	case c.is(FewerThan64K) && len(p) > 60_000, c.is(DeflateLosesLarge) && c.codec != nil && len(p) > 100_000:
		p = p[:60_000]
	case c.is(UTF8Replaced) && op == txt:
		p = bytes.ReplaceAll(p, []byte("\ufffd"), []byte("?"))
		for r := rune(0xFFF9); r <= 0xFFFC; r++ {
			p = bytes.ReplaceAll(p, []byte(string(r)), []byte("?"))
		}
	}
	if c.is(DropsBeforeClose) && len(p) > 100_000 && c.codec == nil {
		if b, _ := c.br.Peek(1); len(b) == 1 && b[0] == 0x88 {
			return nil
		}
	}
	if c.is(EchoesTwice) {
		c.sendMessage(op, p)
	}
	c.sendMessage(op, p)
	return nil
}

func (c *conn) sendMessage(op byte, p []byte) {
	var rsv byte
	if c.codec != nil && !c.is(NeverCompresses) {
		p, rsv = c.codec.deflate(p), 4
	}
	if c.is(FragmentsNeedless) || c.is(DeflateNeedless) && rsv != 0 {
		for len(p) > 119 {
			c.out = c.appendFrame(c.out, op, rsv, p[:119], false)
			p, op, rsv = p[119:], cont, 0
		}
	}
	c.send(op, rsv, p)
}

// send writes a frame, and whatever waits in out before it.
func (c *conn) send(op, rsv byte, p []byte) {
	alone := c.is(HeadsAlone) || c.is(DeflateHeadsAlone) && rsv != 0
	c.out = c.appendFrame(c.out, op, rsv, p, true)
	b := c.out
	c.out = c.out[:0]
	if n := len(b) - len(p); alone && len(p) > 0 {
		_, _ = c.nc.Write(b[:n])
		b = b[n:]
	}
	_, _ = c.nc.Write(b) // a broken connection shows in the next read
}

func (c *conn) appendFrame(dst []byte, op, rsv byte, p []byte, fin bool) []byte {
	b0 := op | rsv<<4
	if fin {
		b0 |= 0x80
	}
	var mask byte
	if !c.Server != (c.is(MasksWrong) || c.is(MasksWrongPong) && op == pong) {
		mask = 0x80
	}
	switch n := len(p); {
	case c.is(WritesLongForms) || n > 0xFFFF:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, mask|127), uint64(n))
	case n > 125 || n == 125 && c.is(Length126Is7Bits):
		dst = binary.BigEndian.AppendUint16(append(dst, b0, mask|126), uint16(n))
	default:
		dst = append(dst, b0, mask|byte(n))
	}
	if mask == 0 {
		return append(dst, p...)
	}
	if !c.is(SameKey) {
		c.key = c.key*1664525 + 1013904223
	}
	var key [4]byte
	binary.BigEndian.PutUint32(key[:], c.key)
	dst = append(dst, key[:]...)
	at := len(dst)
	dst = append(dst, p...)
	for i := range p {
		dst[at+i] ^= key[i&3]
	}
	return dst
}
