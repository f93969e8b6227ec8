package faulty

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// control handles a whole control frame.
func (c *conn) control(h frameHead, p []byte) error {
	switch h.op {
	case ping:
		return c.ping(h, p)
	case pong:
		if c.is(PongsAll) {
			c.send(pong, 0, p)
		}
		return nil
	case cls:
		return c.close(p)
	}
	return nil // IgnoresControlOpcode
}

func (c *conn) ping(h frameHead, p []byte) error {
	c.pongs++
	if c.is(UTF8ControlBetween) && c.op == txt {
		c.text = nil
	}
	switch {
	case c.is(NoPong), c.is(PongTextOnly) && !utf8.Valid(p), c.is(PongsDropped) && c.pongs > 1000,
		c.is(DeflateDefers) && c.compressed && c.op != 0:
		return nil
	case c.is(PongEmpty):
		p = nil
	case c.is(PongTruncated) && len(p) > 124:
		p = p[:124]
	case c.is(FragmentsHoldControl) && c.op != 0:
		c.held = append(c.held, bytes.Clone(p))
		return nil
	case c.is(PongsReversed):
		c.held = slices.Insert(c.held, 0, bytes.Clone(p))
		if len(c.held) < 2 && c.moreComes() {
			return nil
		}
		for _, p := range c.held {
			c.send(pong, 0, p)
		}
		c.held = nil
		return nil
	}
	c.send(pong, 0, p)
	return nil
}

// moreComes says whether another frame is on its way.
func (c *conn) moreComes() bool {
	_ = c.nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := c.br.Peek(1)
	_ = c.nc.SetReadDeadline(time.Time{})
	return err == nil
}

// close handles a Close frame, RFC 6455 §5.5.1.
func (c *conn) close(p []byte) error {
	c.closed = true
	if c.is(NeverAnswersClose) {
		_, _ = io.Copy(io.Discard, c.br)
		return io.EOF
	}
	answer := p[:min(len(p), 2)]
	switch {
	case len(p) == 1 && !c.is(OneByteClose):
		return failure{1002}
	case len(p) == 0 && c.is(NeedsCode):
		return failure{1002}
	case len(p) == 1:
		answer = nil
	case len(p) >= 2:
		code := int(binary.BigEndian.Uint16(p))
		if !c.goodCode(code) {
			return failure{1002}
		}
		if c.is(RejectsFullReason) && len(p) == 125 {
			return failure{1002}
		}
		if !utf8.Valid(p[2:]) && !c.is(ReasonNotChecked) {
			return failure{1007}
		}
		if c.is(ReasonASCII) && bytes.ContainsFunc(p[2:], func(r rune) bool { return r > 127 && r != utf8.RuneError }) {
			return failure{1007}
		}
		if c.is(AnyCode) && !(Endpoint{Server: c.Server}).goodCode(code) {
			answer = []byte{0x03, 0xE8}
		}
	}
	if c.is(AlwaysSays1001) {
		answer = []byte{0x03, 0xE9}
	}
	if c.is(EndsMuteAtFIN) && !c.moreStays() {
		return io.EOF
	}
	c.send(cls, 0, answer)
	if c.is(AnswersAfterClose, ClosesTwice) {
		c.goOn()
	}
	return errDone
}

// moreStays says whether the peer's side of TCP is still open a little later.
func (c *conn) moreStays() bool {
	_ = c.nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := c.br.Peek(1)
	return err != io.EOF
}

// goOn treats what comes after the Close as if it had not come.
func (c *conn) goOn() {
	_ = c.nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	for {
		h, err := c.head()
		if err != nil {
			return
		}
		p, err := c.payload(h)
		if err != nil {
			return
		}
		switch {
		case h.op == cls && c.is(ClosesTwice):
			c.send(cls, 0, p)
		case h.op == ping && c.is(AnswersAfterClose):
			c.send(pong, 0, p)
		case h.op < cls && c.is(AnswersAfterClose):
			_ = c.data(h, p) // what fails here ends with the connection
		}
	}
}

func (e Endpoint) goodCode(code int) bool {
	switch {
	case e.is(AnyCode, EchoesAnyCode), e.is(Accepts1005) && code == 1005, e.is(Accepts2000s) && code >= 1016 && code < 3000:
		return true
	case e.is(Only1000):
		return code == 1000
	case e.is(Rejects3000s) && code >= 3000, e.is(RejectsNewCodes) && code >= 1012 && code <= 1014:
		return false
	case code >= 3000 && code <= 4999:
		return true
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	}
	return false
}
