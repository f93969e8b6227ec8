package h2c

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/wye-org/wye/internal/handoff"
)

// field is a line of a header section. RFC 9113 §8.2.
type field struct{ name, value string }

// stream1 returns r as the HEADERS frame that a client would have sent: "The
// HTTP/1.1 request that is sent prior to upgrade is assigned a stream identifier
// of 1… Stream 1 is implicitly "half-closed" from the client toward the server…"
// RFC 7540 §3.2. r has no body. ok is false if it is too large for one frame, or
// for the server, which takes a header list of maxList bytes.
func stream1(r *http.Request, maxList int) (frame []byte, ok bool) {
	var block []byte
	size := 0
	for _, f := range fieldsOf(r) {
		block = appendField(block, f)
		size += len(f.name) + len(f.value) + 32 // RFC 9113 §6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE
	}
	if len(block) > maxPayload || size > maxList {
		return nil, false
	}
	return append(appendHeader(nil, header{len(block), frameHeaders, flagEndHeaders | flagEndStream, 1}), block...), true
}

// fieldsOf are r's fields in HTTP/2.
func fieldsOf(r *http.Request) []field {
	fields := []field{{":method", r.Method}, {":scheme", "http"}, {":path", handoff.Target(r)}}
	if r.Host != "" {
		fields = append(fields, field{":authority", r.Host})
	}
	h := handoff.EndToEnd(r.Header)
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			fields = append(fields, field{strings.ToLower(name), value})
		}
	}
	return fields
}

// appendField appends a literal header field without indexing, RFC 7541 §6.2.2:
// it leaves the dynamic table alone, of which the client's encoder must know.
func appendField(dst []byte, f field) []byte {
	return appendString(appendString(append(dst, 0), f.name), f.value)
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
