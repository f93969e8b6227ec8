package ticker

import "time"

// A Company is what a symbol stands for. All of them are made up.
type Company struct {
	Symbol string
	Name   string

	open  float64       // the price that the market opened with, and comes back to
	sigma float64       // how far the price strays: standard deviation of its logarithm in a second
	every time.Duration // the mean time between two ticks
}

// Companies are those whose prices there are.
var Companies = []Company{
	{"ACME", "Acme Anvils", 142.50, 0.0011, 400 * time.Millisecond},
	{"BYTE", "Byte Bakery", 38.20, 0.0013, 700 * time.Millisecond},
	{"CHNK", "Chunk Shipping", 64.75, 0.0010, 900 * time.Millisecond},
	{"CLSE", "Close Code Capital", 310.10, 0.0007, 600 * time.Millisecond},
	{"DFLT", "Deflate Air", 21.35, 0.0021, 500 * time.Millisecond},
	{"FRAM", "Frame & Sons", 88.00, 0.0009, 800 * time.Millisecond},
	{"GATE", "Gatehouse Security", 174.30, 0.0008, 1000 * time.Millisecond},
	{"HUBB", "Hub & Spoke Rail", 52.40, 0.0008, 1200 * time.Millisecond},
	{"LOOP", "Loopback Bicycles", 17.80, 0.0017, 700 * time.Millisecond},
	{"MASK", "Masking Tape Works", 9.45, 0.0024, 1100 * time.Millisecond},
	{"NAGL", "Nagle Delivery", 45.60, 0.0006, 2000 * time.Millisecond},
	{"NONC", "Nonce Labs", 226.90, 0.0019, 350 * time.Millisecond},
	{"PONG", "Ping Pong Holdings", 73.15, 0.0012, 500 * time.Millisecond},
	{"QUIC", "Quick Couriers", 119.99, 0.0015, 250 * time.Millisecond},
	{"RING", "Token Ring Jewellers", 402.00, 0.0010, 900 * time.Millisecond},
	{"SOCK", "Socks & Sockets", 12.65, 0.0016, 600 * time.Millisecond},
	{"SPLC", "Splice Genetics", 95.70, 0.0026, 300 * time.Millisecond},
	{"TUNL", "Tunnel Boring", 58.05, 0.0009, 1500 * time.Millisecond},
	{"UPGD", "Upgrade Industries", 133.37, 0.0014, 300 * time.Millisecond},
	{"WIRE", "Wireworks", 81.25, 0.0012, 450 * time.Millisecond},
}

// Default is what a client is subscribed to that asks for nothing.
var Default = []string{"ACME", "NONC", "QUIC", "SPLC", "UPGD"}

// index is where in Companies a symbol stands.
var index = func() map[string]int {
	m := make(map[string]int, len(Companies))
	for i, c := range Companies {
		m[c.Symbol] = i
	}
	return m
}()
