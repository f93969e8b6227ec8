package load

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Verify sends a few messages of l on a connection of its own, and wants each
// back as it was: what is fast and wrong is not fast.
func Verify(t Target, l Load) error {
	c, err := Dial(t)
	if err != nil {
		return err
	}
	defer c.Reset()
	if err := syscall.SetNonblock(c.fd, false); err != nil { // with the timeouts of Dial
		return err
	}
	v := verifier{c: c}
	for i := range 3 {
		for rest := l.Frame(i); len(rest) > 0; {
			n, err := again(syscall.Write, c.fd, rest)
			if err != nil {
				return err
			}
			rest = rest[n:]
		}
		got, err := v.message(t.Deflate != Plain)
		if err != nil {
			return fmt.Errorf("the echo of message %d: %w", i+1, err)
		}
		if want := l.Data[i%len(l.Data)]; !bytes.Equal(got, want) {
			return fmt.Errorf("the echo of message %d is not what was sent: %d bytes, want %d", i+1, len(got), len(want))
		}
	}
	return nil
}

// A verifier reads whole messages, without haste.
type verifier struct {
	c      *Client
	buf    []byte // received, not parsed
	window []byte // the last 32 KiB of plain text, which later messages may refer to
}

func (v *verifier) message(compressed bool) ([]byte, error) {
	var data []byte
	for first := true; ; first = false {
		h, payload, err := v.frame()
		if err != nil {
			return nil, err
		}
		if h&0x08 != 0 {
			return nil, fmt.Errorf("a control frame, %#x", h)
		}
		if first && (h&0x40 != 0) != compressed {
			return nil, fmt.Errorf("compressed: %t, want %t", !compressed, compressed)
		}
		data = append(data, payload...)
		if h&0x80 != 0 {
			break
		}
	}
	if !compressed {
		return data, nil
	}
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(data), bytes.NewReader(tail), bytes.NewReader(final)), v.window)
	plain, err := io.ReadAll(r)
	v.window = append(v.window, plain...)
	v.window = v.window[max(0, len(v.window)-32<<10):]
	return plain, err
}

// final is an empty last block, which ends what RFC 7692 leaves open.
var final = []byte{1, 0, 0, 0xff, 0xff}

func (v *verifier) frame() (first byte, payload []byte, err error) {
	for {
		if size, n := frameHead(v.buf); size > 0 && uint64(len(v.buf)-size) >= n {
			first, payload = v.buf[0], v.buf[size:size+int(n)]
			if v.buf[1]&0x80 != 0 { // who sends all bytes back sends them masked
				mask := v.buf[size-4 : size]
				for i := range payload {
					payload[i] ^= mask[i&3]
				}
			}
			v.buf = v.buf[size+int(n):]
			return first, payload, nil
		}
		p := make([]byte, 64<<10)
		n, err := again(syscall.Read, v.c.fd, p)
		switch {
		case err == syscall.EAGAIN:
			return 0, nil, os.ErrDeadlineExceeded
		case err != nil:
			return 0, nil, err
		case n == 0:
			return 0, nil, errEnded
		}
		v.buf = append(v.buf, p[:n]...)
	}
}
