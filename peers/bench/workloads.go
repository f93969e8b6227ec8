package main

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/wye-org/wye/peers/internal/load"
)

// A sample is what one server did with one workload in one round.
type sample struct {
	units   int           // messages, deliveries, connections
	cpu     time.Duration // of the server for all of them
	took    time.Duration
	busy    float64 // the generator's part of its core while it took that
	bytes   float64 // of the server's memory for each unit, where that is measured
	latency *hdrhistogram.Histogram
	late    *hdrhistogram.Histogram // the generator's own, against its plan
}

// A server is what a workload needs of one.
type server interface {
	CPU() (time.Duration, error)
	SettledMemory() (int64, error)
}

// A workload is one thing to do with a server.
type workload struct {
	name   string
	about  string
	unit   string // what is counted
	base   string // whom ratios are to
	memory bool   // whether bytes are measured, and not time
	target load.Target
	run    func(s server, t load.Target, d time.Duration) (sample, error)
}

var (
	toEcho = load.Target{Path: "/echo"}
	toSub  = load.Target{Path: "/sub"}
	nct    = load.Target{Path: "/echo", Deflate: load.NoTakeover}
	ct     = load.Target{Path: "/echo", Deflate: load.Takeover}
)

var workloads = []workload{
	{name: "echo-64-100", unit: "message", base: limit, target: toEcho, run: echo(100, 1, load.Binary(64)),
		about: "64 B echo, 100 connections, one message under way on each"},
	{name: "echo-64-1000", unit: "message", base: limit, target: toEcho, run: echo(1000, 1, load.Binary(64)),
		about: "64 B echo, 1,000 connections"},
	{name: "pipelined-16", unit: "message", base: limit, target: toEcho, run: echo(100, 16, load.Binary(64)),
		about: "64 B echo, 100 connections, 16 messages at once"},
	{name: "echo-16k", unit: "message", base: limit, target: toEcho, run: echo(100, 1, load.Binary(16<<10)),
		about: "16 KiB echo, 100 connections"},
	{name: "echo-1m", unit: "message", base: limit, target: toEcho, run: echo(10, 1, load.Binary(1<<20)),
		about: "1 MiB echo, 10 connections"},
	{name: "text-16k", unit: "message", base: standIn, target: toEcho, run: echo(100, 1, load.MixedText(16<<10)),
		about: "16 KiB echo of text in several scripts, 100 connections"},
	{name: "fanout-1", unit: "delivery", base: limit, target: toSub, run: fanOut(1000, 1, load.Binary(128)),
		about: "128 B to 1,000 members, one message at a time"},
	{name: "fanout-16", unit: "delivery", base: limit, target: toSub, run: fanOut(1000, 16, load.Binary(128)),
		about: "128 B to 1,000 members, 16 messages at once"},
	{name: "handshake", unit: "connection", base: standIn, target: toEcho, run: handshakes,
		about: "connect, handshake, reset, one after the other"},
	{name: "deflate-nct", unit: "message", base: standIn, target: nct, run: echo(100, 1, load.JSON(1<<10, load.NoTakeover)),
		about: "1 KiB JSON echo, compressed, each message for itself, 100 connections"},
	{name: "deflate-ct", unit: "message", base: standIn, target: ct, run: echo(100, 1, load.JSON(1<<10, load.Takeover)),
		about: "1 KiB JSON echo, compressed, with context takeover, 100 connections"},
	{name: "idle", unit: "connection", base: standIn, memory: true, target: toEcho, run: idle(5000),
		about: "memory of an idle connection, 5,000 of them"},
	{name: "deflate-memory", unit: "connection", base: standIn, memory: true, target: ct, run: compressing(300, 64, load.JSON(1<<10, load.Takeover)),
		about: "memory of a connection with context takeover after 64 KiB each way, 300 of them"},
	{name: "latency", unit: "message", base: limit, target: toEcho, run: openLoop(100, 10_000, load.Binary(64)),
		about: "64 B echo, 100 connections, 10,000 messages a second whether answered or not"},
}

// measured runs f between two readings of the clocks.
func measured(s server, f func() (units int, err error)) (sample, error) {
	own, err := load.ThreadCPU()
	if err != nil {
		return sample{}, err
	}
	cpu, err := s.CPU()
	if err != nil {
		return sample{}, err
	}
	began := time.Now()
	units, err := f()
	if err != nil {
		return sample{}, err
	}
	took := time.Since(began)
	cpuAfter, err := s.CPU()
	if err != nil {
		return sample{}, err
	}
	ownAfter, err := load.ThreadCPU()
	return sample{units: units, cpu: cpuAfter - cpu, took: took, busy: float64(ownAfter-own) / float64(took)}, err
}

// warmUp is the part of a measurement's time that goes before it: the server's
// pools fill.
const warmUp = 4
