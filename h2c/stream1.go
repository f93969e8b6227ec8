package h2c

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/wye-org/wye/internal/handoff"
)

// appendStream1 appends r, which has no body, as the HEADERS frame that a client
// would have sent: "The HTTP/1.1 request that is sent prior to upgrade is
// assigned a stream identifier of 1… Stream 1 is implicitly "half-closed" from
// the client toward the server…" RFC 7540 §3.2. ok is false if it does not fit
// into one frame.
func appendStream1(dst []byte, r *http.Request) (_ []byte, ok bool) {
	var block []byte
	block = appendField(block, ":method", r.Method)
	block = appendField(block, ":scheme", "http")
	if r.Host != "" {
		block = appendField(block, ":authority", r.Host)
	}
	block = appendField(block, ":path", handoff.Target(r))
	fields := handoff.EndToEnd(r.Header)
	delete(fields, "Http2-Settings")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range fields[name] {
			block = appendField(block, strings.ToLower(name), value)
		}
	}
	if len(block) > maxPayload {
		return dst, false
	}
	dst = appendHeader(dst, header{len(block), frameHeaders, flagEndHeaders | flagEndStream, 1})
	return append(dst, block...), true
}

// appendField appends a literal header field without indexing, RFC 7541 §6.2.2:
// it leaves the dynamic table alone, of which the client's encoder must know.
func appendField(dst []byte, name, value string) []byte {
	return appendString(appendString(append(dst, 0), name), value)
}

// appendString appends a string literal without Huffman code. RFC 7541 §5.2.
func appendString(dst []byte, s string) []byte {
	const most = 1<<7 - 1
	n := len(s)
	if n < most {
		dst = append(dst, byte(n))
	} else {
		dst = append(dst, most)
		for n -= most; n >= 1<<7; n >>= 7 {
			dst = append(dst, byte(n)|1<<7)
		}
		dst = append(dst, byte(n))
	}
	return append(dst, s...)
}
