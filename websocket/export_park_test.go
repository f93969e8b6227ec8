package websocket

// Parked reports whether c waits without a goroutine.
func Parked(c *Conn) bool { return c.blocking != nil && c.park != nil && c.park.parked.Load() }
