package websocket

import (
	"syscall"
	"testing"
)

// An event of a connection that has ended is none of the one that has its slot now.
func TestLoopStaleEvent(t *testing.T) {
	for gen, theirs := range map[int32]bool{1: false, 2: true} {
		s := newShard()
		c := s.newConn(-1, new(Options).settings(false))
		c.loop = new(Loop)
		s.scratch, c.slot, s.slots.all = new(loopScratch), 0, []slot[Conn]{{c, 2}}
		s.poll = &poller{ready: []syscall.EpollEvent{{Events: syscall.EPOLLIN, Fd: 0, Pad: gen}}}
		s.serve(0)
		if (c.Err() != nil) != theirs {
			t.Errorf("generation %d: %v", gen, c.Err())
		}
	}
}
