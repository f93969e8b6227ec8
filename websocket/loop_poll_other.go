//go:build !linux

package websocket

import (
	"errors"
	"net"
	"time"
)

// canPoll says that there are no event loops on this system: callbacks come from
// goroutines.
const canPoll = false

type poller struct{ ready []struct{} }

const (
	canRead uint32 = 1 << iota
	canSend
	broken
	oneShot
)

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (p *poller) close()                                 {}
func (p *poller) wait()                                  {}
func (p *poller) look()                                  {}
func (p *poller) wakeAt(time.Time)                       {}
func (p *poller) event(int) (at int, gen, what uint32)   { return 0, 0, 0 }
func (p *poller) add(fd, at int, gen, what uint32) error { return errors.ErrUnsupported }
func (p *poller) change(fd, at int, gen, what uint32)    {}

func takeSocket(*net.TCPConn) (fd int, err error) { return -1, errors.ErrUnsupported }

func receiveFrom(fd int, b []byte) (n int, again bool, err error) {
	return 0, false, errors.ErrUnsupported
}
func sendTo(fd int, f *frames) (int, error)   { return 0, errors.ErrUnsupported }
func sendPlain(fd int, b []byte) (int, error) { return 0, errors.ErrUnsupported }
func probe(fd int)                            {}
func closeSending(fd int)                     {}
func closeSocket(fd int, reset bool)          {}
