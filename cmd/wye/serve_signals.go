package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signalled returns a context that the first signal ends, or the end of parent,
// and one that only the second signal ends. stop ends both and lets signals do
// what they did before.
func signalled(parent context.Context) (begin, abort context.Context, stop func()) {
	begin, cancelBegin := context.WithCancel(parent)
	abort, cancelAbort := context.WithCancelCause(context.WithoutCancel(parent))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	var done sync.WaitGroup
	done.Go(func() { // ends with abort
		for {
			select {
			case <-signals:
			case <-abort.Done():
				return
			}
			if begin.Err() != nil {
				cancelAbort(errSecondSignal)
				return
			}
			cancelBegin()
		}
	})
	return begin, abort, func() {
		signal.Stop(signals)
		cancelBegin()
		cancelAbort(nil)
		done.Wait()
	}
}

// freshConns are the connections on which no request has come yet: browsers
// open some to have them ready, and http.Server.Shutdown would wait 5 seconds for
// them. A request that is just coming in on one is lost as those are which are
// still in the listener's queue; a client that reads no response sends it again.
type freshConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

func newFreshConns() *freshConns { return &freshConns{conns: map[net.Conn]struct{}{}} }

// track is for http.Server.ConnState.
func (f *freshConns) track(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(f.conns, c)
	case f.closed:
		c.Close()
	default:
		f.conns[c] = struct{}{}
	}
}

// close closes them, and those that come before the listener is closed.
func (f *freshConns) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.conns {
		c.Close()
	}
}
