package show

import (
	"fmt"
	"testing"

	"github.com/wye-org/wye"
)

// Heads are kept in order, what is none is not, and no more than the last ones.
func TestHeads(t *testing.T) {
	var h Heads
	want := []Part{
		{true, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"}, {false, "HTTP/1.0 200 OK\r\n\r\n"},
		{true, ":method: CONNECT\r\n\r\n"}, {false, "HTTP/1.1 101 Sw"},
	}
	h.Add(wye.Head{Text: "\x15\x03\x01\x00\x02"})
	for _, p := range want {
		h.Add(wye.Head{Sent: p.Sent, Text: p.Head})
		h.Add(wye.Head{Text: "220 ready\r\n"})
	}
	if got := h.All(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
	for i := range 2 * maxHeads {
		h.Add(wye.Head{Text: fmt.Sprintf("HTTP/1.1 %d\r\n\r\n", i)})
	}
	if got := h.All(); len(got) != maxHeads || got[maxHeads-1].Head != fmt.Sprintf("HTTP/1.1 %d\r\n\r\n", 2*maxHeads-1) {
		t.Errorf("%d heads, the last is %q", len(got), got[len(got)-1].Head)
	}
}
