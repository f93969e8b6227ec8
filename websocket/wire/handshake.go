package wire

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"strconv"
)

// acceptGUID goes with the key into the accept value. RFC 6455 §1.3.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AcceptKey returns the Sec-WebSocket-Accept that answers a client's
// Sec-WebSocket-Key. It does not judge the key: see [CheckKey]. RFC 6455
// §4.2.2, item 5.4.
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + acceptGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// NewKey returns nonce as a Sec-WebSocket-Key. "The nonce MUST be selected
// randomly for each connection." RFC 6455 §4.1, item 7.
func NewKey(nonce [16]byte) string {
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// AppendKey appends what [NewKey] returns.
func AppendKey(dst []byte, nonce [16]byte) []byte {
	return base64.StdEncoding.AppendEncode(dst, nonce[:])
}

// CheckKey returns what is wrong with a client's Sec-WebSocket-Key, or nil:
// "a base64-encoded (see Section 4 of [RFC4648]) value that, when decoded, is
// 16 bytes in length", RFC 6455 §4.2.1, item 5. The error is written to be
// shown to the client, after the name of the field.
func CheckKey(key string) error {
	if key == "" {
		return errors.New("empty, want 16 bytes in base64")
	}
	for i := range len(key) {
		// The decoder passes over line ends; a key has none.
		if key[i] == '\r' || key[i] == '\n' {
			return errors.New("not base64: line end at input byte " + strconv.Itoa(i))
		}
	}
	nonce, err := base64.StdEncoding.Strict().DecodeString(key)
	if err != nil {
		return errors.New("not base64: " + err.Error())
	}
	if len(nonce) != 16 {
		return errors.New(strconv.Itoa(len(nonce)) + " bytes decoded, want 16")
	}
	return nil
}
