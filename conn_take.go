package wye

import "net"

// Take gives the connection below to the caller for good, with the bytes that
// Read would have given first and the place in the group, which is the caller's
// to keep: see [Member.OnAbort], [Member.OnLeave] and [Member.Done]. Nothing of
// c is to be used then but Close, once that has ended which nc became.
func (c *conn) Take() (nc net.Conn, early []byte, m *Member) {
	return c.Conn, c.takeEarly(), c.member
}

// OnAbort sets how the connection is ended at once, instead of what [Group.Join]
// was given, and does it if that was asked for already. abort may call Done.
func (m *Member) OnAbort(abort func(cause error)) { m.arm(abort) }
