package show

import (
	"strings"
	"sync"

	"github.com/wye-org/wye"
)

// maxHeads bounds how many heads are kept of a dial: the last ones of a long way.
const maxHeads = 64

// Heads keeps the heads of a dial, to show them. The zero Heads is ready; its
// methods may be called concurrently.
type Heads struct {
	mu    sync.Mutex // guards parts
	parts []Part
}

// Add keeps a head, unless it is none. It is for DialOptions.Trace.
func (h *Heads) Add(head wye.Head) {
	if !isHead(head.Text) {
		return // TLS, or nobody knows what
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.parts) == maxHeads {
		h.parts = h.parts[1:]
	}
	h.parts = append(h.parts, Part{head.Sent, head.Text})
}

// All returns the heads, in order.
func (h *Heads) All() []Part {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Part(nil), h.parts...)
}

// isHead knows the first line of a request, of a response, and a
// pseudo-header field.
func isHead(text string) bool {
	line, _, _ := strings.Cut(text, "\r\n")
	return strings.HasSuffix(line, " HTTP/1.1") || strings.HasPrefix(line, "HTTP/") || strings.HasPrefix(line, ":")
}
