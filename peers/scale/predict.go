package main

import "github.com/wye-org/wye/peers/internal/report"

// many is how many connections are predicted.
const many = 1_000_000

// What they are taken to do. The page says so.
const (
	everyMessage = 30.0  // seconds between two messages of a connection, each answered
	everyPing    = 20.0  // and between pings, which is Options.PingInterval's default
	comeBack     = 300.0 // seconds in which all come back after a restart
)

// A prediction is what many connections cost, with what they are taken to do.
type prediction struct {
	memory float64 // bytes of the process
	kernel float64 // bytes of the kernel, the server's ends

	messages float64 // cores
	pings    float64 // cores; 0 if it is not known what they cost
	comeBack float64 // cores, for so long
}

// predict goes on along the lines of memory. What a message costs is taken from
// the largest size: see the page.
func (r *results) predict(name string) prediction {
	last := len(r.sizes) - 1
	cores := func(ns, every float64) float64 { return many / every * ns / 1e9 }
	p := prediction{
		memory:   r.line(name, ofMemory).At(many),
		kernel:   r.line(name, ofKernel).Each * many,
		messages: cores(r.at(name, last, ofMessage).Median, everyMessage),
		comeBack: cores(r.at(name, last, ofOpen).Median, comeBack),
	}
	if ping := report.Summarize(r.ping[name]); !ping.Missing() {
		p.pings = cores(ping.Median, everyPing)
	}
	return p
}

// ram is what the machine is to have: the process's memory twice, as Go's heap
// grows to twice of what lives before it collects, the kernel's, and a gigabyte
// for the rest.
func (p prediction) ram() float64 { return 2*p.memory + p.kernel + 1e9 }

// cores that are busy.
func (p prediction) cores() float64 { return p.messages + p.pings }

// machine is what one can get: its memory in GB, and cores, of which in the
// normal course half are busy and after a restart none is missing.
func (p prediction) machine() (gb, cores int) {
	return rounded(p.ram() / 1e9), rounded(max(2*p.cores(), p.cores()+p.comeBack))
}

// rounded is the next power of two, or half way between two.
func rounded(x float64) int {
	for n := 2; ; n *= 2 {
		for _, size := range []int{n, n + n/2} {
			if float64(size) >= x || size > 1<<20 { // nothing is that large
				return size
			}
		}
	}
}
