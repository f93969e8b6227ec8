package websocket

import (
	"testing"
	"unsafe"
)

// Each byte that an idle connection of an event loop holds has a name here. What
// it has of others: a member of its group, the group's and the shard's entry for
// it, and its request, unless that is dropped.
func TestLoopConnSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sizes are those of 64 bits")
	}
	var both struct {
		Conn
		looped
	}
	c, l := &both.Conn, &both.looped // their types count
	_, _ = c, l
	parts := []struct {
		name string
		size uintptr
	}{
		{"settings, request, subprotocol, compression", unsafe.Sizeof(c.opt) + unsafe.Sizeof(c.request) + unsafe.Sizeof(c.subprot) + unsafe.Sizeof(c.agreed)},
		{"its end: why, gate's release, flags", unsafe.Sizeof(c.why) + unsafe.Sizeof(c.release) + 16},
		{"when it was heard", unsafe.Sizeof(c.heard)},
		{"the receiving direction, and its rate", unsafe.Sizeof(c.in) + unsafe.Sizeof(c.pace)},
		{"the sending direction", unsafe.Sizeof(c.writer)},
		{"counters", unsafe.Sizeof(c.counters)},
		{"pings of its own, blocking, looped", 3 * 8},
		{"Loop, shard, member, addresses", unsafe.Sizeof(l.loop) + unsafe.Sizeof(l.shard) + unsafe.Sizeof(l.member) + unsafe.Sizeof(l.local) + unsafe.Sizeof(l.remote)},
		{"the wheel", unsafe.Sizeof(l.later) + unsafe.Sizeof(l.sooner) + unsafe.Sizeof(l.span)},
		{"what waits, and until when", unsafe.Sizeof(l.partial) + unsafe.Sizeof(l.resumeAt) + unsafe.Sizeof(l.tasks)},
		{"the socket, its slot and state, the post", unsafe.Sizeof(l.watched) + unsafe.Sizeof(l.fd) + unsafe.Sizeof(l.slot) + unsafe.Sizeof(l.lingered) + 8},
	}
	sum := uintptr(0)
	for _, p := range parts {
		t.Logf("%4d %s", p.size, p.name)
		sum += p.size
	}
	if got := unsafe.Sizeof(both); got != sum {
		t.Errorf("an idle connection has %d bytes, of which %d are named", got, sum)
	}
	if sum > 704 {
		t.Errorf("an idle connection has %d bytes: the next size that Go allocates is above 704", sum)
	}
}
