package tlsupgrade

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/wye-org/wye/internal/handoff"
)

// appendHead appends r, which has no body, as it would have come over TLS in the
// first place.
func appendHead(dst []byte, r *http.Request) []byte {
	dst = fmt.Appendf(dst, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, handoff.Target(r), r.Host)
	if r.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	var fields bytes.Buffer
	handoff.EndToEnd(r.Header).Write(&fields)
	return append(append(dst, fields.Bytes()...), "\r\n"...)
}
