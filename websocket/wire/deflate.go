package wire

// Deflate says how an endpoint uses permessage-deflate, RFC 7692. It serves any
// number of connections, which only read it. The zero value does not use it.
//
// Compression of what holds a secret, together with what an attacker chooses,
// gives the secret away by its size (CRIME, BREACH). That is why it is off unless
// Enabled.
//
// The names are the RFC's: "server" is the window of what the server sends, and
// "client" that of what the client sends, whichever end this is.
type Deflate struct {
	// Enabled says that the extension is offered, or accepted when offered.
	Enabled bool

	// ServerNoTakeover and ClientNoTakeover say that each message is
	// compressed for itself. Nothing is kept between messages then, and small
	// messages that resemble each other compress less. Otherwise the window is
	// taken over from one message to the next, if the peer agrees.
	ServerNoTakeover bool
	ClientNoTakeover bool

	// ServerMaxWindowBits and ClientMaxWindowBits are how far back a message
	// may refer, as a power of two: 8 (256 bytes) to 15 (32 KiB). They are
	// what a connection that takes over keeps. Zero means no bound, but that
	// a server of ours keeps only 4 KiB of what it has sent; other values are
	// taken for the nearest that is allowed.
	//
	// A client asks its server for ServerMaxWindowBits, and gets no compression
	// from one that cannot do it. A server asks its client for
	// ClientMaxWindowBits; one that cannot do it is asked not to take over
	// instead.
	ServerMaxWindowBits int
	ClientMaxWindowBits int

	// Threshold is how many bytes a message must have to be compressed. Zero
	// means 512; a negative one, that all are.
	Threshold int

	// Level is how hard the compressor looks for repetitions: 1, quickly, to 9,
	// thoroughly. Zero means 1.
	Level int

	// Budget bounds the windows of all connections that share it: past it they
	// are agreed not to take over. Nil means one that all such share, of 64
	// MiB.
	Budget *Budget
}

// The bounds of a window's bits, RFC 7692 §7.1.2.
const (
	minBits        = 8
	maxBits        = 15
	keepBits       = 12 // what a server keeps of what it sent, if nobody says
	defThreshold   = 512
	deflateName    = "permessage-deflate"
	serverReset    = "server_no_context_takeover"
	clientReset    = "client_no_context_takeover"
	serverBitsName = "server_max_window_bits"
	clientBitsName = "client_max_window_bits"
)

// Agreed is what both ends of a connection keep to, of permessage-deflate. The
// zero value is that it is not in use. Give it to [Receiver.Agree] and
// [Sender.Agree] before the first frame, and Release it when the connection has
// ended.
type Agreed struct {
	// InUse says that messages may be compressed.
	InUse bool

	// ServerNoTakeover and ClientNoTakeover say that what the server or the
	// client sends refers to no earlier message.
	ServerNoTakeover bool
	ClientNoTakeover bool

	// ServerBits and ClientBits are the largest window that the server and
	// the client use, 8 to 15.
	ServerBits int
	ClientBits int

	// What this end keeps to beyond what it has promised.
	sendBits       int // how far back it refers
	keptBits       int // and how far from one message to the next
	sendNoTakeover bool
	threshold      int
	level          int
	held           *lease
}

// Release gives back the connection's part of the [Budget]. It may be called any
// number of times, on any copy.
func (a Agreed) Release() { a.held.release() }

// String returns the extension as a server's answer writes it, without
// parameters that change nothing; "" if it is not InUse. RFC 7692 §7.1.
func (a Agreed) String() string {
	if !a.InUse {
		return ""
	}
	p := params{serverReset: a.ServerNoTakeover, clientReset: a.ClientNoTakeover}
	if a.ServerBits < maxBits {
		p.serverBits = a.ServerBits
	}
	if a.ClientBits < maxBits {
		p.clientBits = a.ClientBits
	}
	return p.extension().String()
}

// windowCost is what a window of so many bits counts: itself, and what lies
// around it.
func windowCost(bits int) int64 { return 1<<bits + 1<<10 }

// reserve takes the windows of a out of the budget, as far as it is there, and
// reports whether it was.
func (d *Deflate) reserve(a *Agreed, size int64) bool {
	if size == 0 {
		return true
	}
	from := d.budget()
	if !from.Reserve(size) {
		return false
	}
	a.held = &lease{from: from}
	a.held.size.Store(size)
	return true
}

func (d *Deflate) budget() *Budget {
	if d.Budget == nil {
		return &processBudget
	}
	return d.Budget
}

// serverBits and clientBits return the bounds of the windows.
func (d *Deflate) serverBits() int { return bitsOr(d.ServerMaxWindowBits, maxBits) }
func (d *Deflate) clientBits() int { return bitsOr(d.ClientMaxWindowBits, maxBits) }

func bitsOr(n, unset int) int {
	if n == 0 {
		return unset
	}
	return min(max(n, minBits), maxBits)
}

// fill sets what this end's Sender goes by.
func (d *Deflate) fill(a *Agreed) {
	a.InUse = true
	a.level = min(max(d.Level, 1), 9)
	switch {
	case d.Threshold == 0:
		a.threshold = defThreshold
	case d.Threshold > 0:
		a.threshold = d.Threshold
	}
}
