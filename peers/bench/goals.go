package main

// A goal is what one of ours is to cost at most. A zero sets none.
type goal struct {
	workload string
	ours     []string
	base     float64 // as a ratio to the workload's base
	best     float64 // as a ratio to the best Go library of others
	amount   float64 // bytes, or nanoseconds
}

var loops = []string{"wye-loop", "wye-loop-http"}

var conns = []string{"wye-conn"}

// goals were set against uWebSockets, which cannot be had here: the raw loop in C
// stands for it where it does the same work, and bun, which has uWebSockets
// inside, where it does not. One that was set for the library is the loop's.
var goals = []goal{
	{workload: "echo-64-100", ours: loops, base: 1.02, best: 0.60},
	{workload: "echo-64-100", ours: conns, base: 1.30, best: 0.75},
	{workload: "echo-64-1000", ours: loops, base: 1.05, best: 0.52},
	{workload: "echo-64-1000", ours: conns, base: 1.55, best: 0.75},
	{workload: "pipelined-16", ours: loops, base: 1.00, best: 0.06},
	{workload: "pipelined-16", ours: conns, base: 1.50, best: 0.09},
	{workload: "echo-16k", ours: loops, base: 1.00, best: 0.55},
	{workload: "echo-16k", ours: conns, base: 1.20, best: 0.68},
	{workload: "echo-1m", ours: loops, base: 0.60, best: 0.36},
	{workload: "echo-1m", ours: conns, base: 0.58, best: 0.36},
	{workload: "fanout-1", ours: loops, base: 0.80, best: 0.45},
	{workload: "fanout-16", ours: loops, base: 0.80, best: 0.045},
	{workload: "idle", ours: []string{"wye-loop"}, amount: 400},
	{workload: "idle", ours: []string{"wye-loop-http"}, amount: 700},
	{workload: "idle", ours: conns, amount: 6500},
	{workload: "handshake", ours: []string{"wye-loop"}, base: 1.2, best: 0.75},
	{workload: "handshake", ours: []string{"wye-loop-http"}, amount: 75_000, best: 1.0},
	{workload: "deflate-nct", ours: loops, base: 1.0, best: 0.75},
	{workload: "deflate-ct", ours: loops, base: 1.0, best: 0.7},
	{workload: "deflate-memory", ours: loops, amount: 40 << 10},
	{workload: "text-16k", ours: loops, base: 0.40},
}
