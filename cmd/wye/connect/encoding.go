package connect

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/wye-org/wye/websocket"
)

// Encoding is how a message is written on a line of standard input or output.
type Encoding int

// The encodings. What is received is written by the same one as what is sent.
const (
	Text   Encoding = iota // a line is a text message, as it is
	Binary                 // a line is a binary message, as it is
	Hex                    // a line is a binary message in hexadecimal digits
	Base64                 // a line is a binary message in base64
)

// decode reads a message from a line, which has no line end any more. The
// payload may be a part of line.
func (e Encoding) decode(line []byte) (websocket.MessageType, []byte, error) {
	switch e {
	case Text:
		if !utf8.Valid(line) {
			return 0, nil, errors.New("is not UTF-8, which a text message has to be: use --binary, --hex or --base64")
		}
		return websocket.MessageText, line, nil
	case Hex:
		digits := bytes.Join(bytes.Fields(line), nil)
		p := make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(p, digits); err != nil {
			return 0, nil, fmt.Errorf("is not in hexadecimal digits: %w", err)
		}
		return websocket.MessageBinary, p, nil
	case Base64:
		// With padding or without.
		text := bytes.TrimRight(bytes.TrimSpace(line), "=")
		p := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
		n, err := base64.RawStdEncoding.Decode(p, text)
		if err != nil {
			return 0, nil, fmt.Errorf("is not base64: %w", err)
		}
		return websocket.MessageBinary, p[:n], nil
	}
	return websocket.MessageBinary, line, nil
}

// append writes a message's payload to dst, without a line end.
func (e Encoding) append(dst, payload []byte) []byte {
	switch e {
	case Hex:
		return hex.AppendEncode(dst, payload)
	case Base64:
		return base64.StdEncoding.AppendEncode(dst, payload)
	}
	return append(dst, payload...)
}
