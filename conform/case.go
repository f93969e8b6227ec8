package conform

import (
	"strconv"
	"strings"
	"time"
)

// An End is the endpoint under test: the suite plays the other one.
type End uint8

const (
	// Server: the suite dials and speaks as a client.
	Server End = 1 << iota
	// Client: the suite listens and speaks as a server.
	Client
	// Both marks a case that means the same for either end.
	Both = Server | Client
)

func (e End) String() string {
	switch e {
	case Server:
		return "server"
	case Client:
		return "client"
	}
	return "server and client"
}

// A Case is one conversation with the endpoint under test, as data: the same
// script runs against a server and against a client, with the roles' masking.
type Case struct {
	ID      string // "6.4.1"; the first number is the group
	Section string // where the RFC asks for it: "RFC 6455 §5.5.2"
	Title   string // what is sent
	Why     string // what goes wrong in the field without it
	Ends    End    // whom the case is for; zero means both

	// Opening changes the opening handshake; nil is the ordinary one.
	Opening *Opening
	// Deflate asks for permessage-deflate; where the endpoint declines it
	// the verdict is Unimplemented.
	Deflate *Deflate
	// Script is what is sent and awaited once the handshake is over.
	Script []Step

	// Bound is how long the case may take; zero means DefaultBound.
	Bound time.Duration
	// Long marks a performance case, which runs alone and after the others.
	Long bool
}

// DefaultBound is how long an ordinary case may take, its connection included.
const DefaultBound = 6 * time.Second

// patience is how long one awaited answer may take within the case's bound.
const patience = 2 * time.Second

func (c *Case) bound() time.Duration {
	if c.Bound != 0 {
		return c.Bound
	}
	return DefaultBound
}

func (c *Case) ends() End {
	if c.Ends == 0 {
		return Both
	}
	return c.Ends
}

// Group is the case's group: the first number of its id.
func (c *Case) Group() int {
	head, _, _ := strings.Cut(c.ID, ".")
	n, _ := strconv.Atoi(head)
	return n
}

// needsDeflate is true for the groups that mean nothing without compression.
func (c *Case) needsDeflate() bool {
	switch c.Group() {
	case 12, 13, 22, 23, 24:
		return true
	}
	return c.Deflate != nil
}

// expected says in words what the script awaits.
func (c *Case) expected(end End) string {
	var parts []string
	if c.Opening != nil {
		if s := c.Opening.expected(end); s != "" {
			parts = append(parts, s)
		}
	}
	for _, step := range c.Script {
		if w := step.expects(end); w != "" && (len(parts) == 0 || parts[len(parts)-1] != w) {
			parts = append(parts, w)
		}
	}
	const most = 6
	if n := len(parts); n > most {
		parts = append(parts[:most-1:most-1], "…", parts[n-1])
	}
	return strings.Join(parts, ", then ")
}

// groupTitles names the groups. Up to 13 they are those of Autobahn|Testsuite.
var groupTitles = map[int]string{
	1:  "Framing",
	2:  "Pings and pongs",
	3:  "Reserved bits",
	4:  "Reserved opcodes",
	5:  "Fragmentation",
	6:  "UTF-8",
	7:  "Closing",
	9:  "Limits and performance",
	10: "Automatic fragmentation",
	12: "Compression: kinds of data",
	13: "Compression: parameters",
	20: "Opening handshake",
	21: "Subprotocols",
	22: "Negotiating compression",
	23: "Compression windows and takeover",
	24: "Compressed frames",
	25: "Masking and frame headers",
	26: "Economy",
	27: "Ending the connection",
	28: "Hostile sizes",
}

// GroupTitle names a group of cases; an unknown one is the empty string.
func GroupTitle(group int) string { return groupTitles[group] }
