package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/wye-org/wye/peers/internal/load"
	"github.com/wye-org/wye/peers/internal/report"
)

func (r *results) writeMillion(p *report.Page) {
	last := r.sizes[len(r.sizes)-1]
	p.Printf(`## A million connections

This was not measured: a process may have %s descriptors here. It is what the lines say,
taken on from %s by a factor of %d. Each connection sends a message every %.0f s and gets one back;
each is sent a ping every %.0f s, as Options.PingInterval has it by default, though one
that has just sent a message needs none; after a restart all come back within %.0f
minutes. A message is taken to cost what it does at %s.

`, descriptors(), report.Count(last), many/last, everyMessage, everyPing, comeBack/60, report.Count(last))
	t := report.NewTable("server", "the process", "the kernel", "messages, cores", "pings, cores", "coming back, cores", "a machine for it")
	for _, c := range r.contenders {
		if c.name == limit {
			continue // it sends no pings
		}
		m := r.predict(c.name)
		gb, all := m.machine()
		t.Row(c.kind.Name(c.name), report.Bytes(m.memory), known(m.kernel), cores(m.messages), cores(m.pings), cores(m.comeBack), fmt.Sprintf("%d GB, %d cores", gb, all))
	}
	p.Table(t)
	p.Printf(`The machine has the process's memory twice, because Go's heap grows to twice of what
lives in it before it collects (GOGC=100; GOMEMLIMIT bounds it), then the kernel's, and
1 GB for the rest. Half of its cores are busy with messages and pings, and there are
enough for those that come back at the same time.

What speaks against taking the lines on so far: epoll's tree is deeper (20 levels, not
%d), the kernel's table of connections is fuller (it has %s places here, by
tcp_ehash_entries), and several event loops share caches. What speaks for it: at %s
connections the kernel alone has some %s of sockets, far more than a cache, so a
connection's first touch misses at either size. A message that costs half as much again
would need half as many cores again; the memory would stay.

A connection that is not read from, or whose peer does not read, is another matter: it
holds up to Options.WriteQueueBytes in the process and net.ipv4.tcp_wmem and tcp_rmem
in the kernel. If one in a hundred of a million has 64 KiB queued, that is 655 MB.

`, levels(last), sysctl("net/ipv4/tcp_ehash_entries"), report.Count(last), report.Bytes(r.line(r.contenders[0].name, ofKernel).Each*float64(last)))
}

// cores is a number of them, or a dash where it is not known.
func cores(n float64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", n)
}

// levels is how deep a balanced tree of n is.
func levels(n int) (l int) {
	for ; n > 0; n /= 2 {
		l++
	}
	return l
}

// sysctl is a setting of this machine.
func sysctl(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return "–"
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

// writeSettings says what the system has to allow.
func writeSettings(p *report.Page) {
	p.Printf("What the system has to allow for it:\n\n")
	t := report.NewTable("setting", "for a million", "here", "why")
	t.Row("`ulimit -n`, LimitNOFILE", "1,048,576", descriptors(), "a descriptor each, and the listener's")
	for _, s := range []struct{ name, value, why string }{
		{"fs/nr_open", "1,048,576 or more", "the bound of the above"},
		{"fs/file-max", "2,000,000", "of all processes"},
		{"net/core/somaxconn", "4,096 or more", "connections that wait to be accepted; Go asks for as many"},
		{"net/ipv4/tcp_max_syn_backlog", "4,096 or more", "those whose handshake is under way"},
		{"net/ipv4/tcp_mem", "a second number of 262,144 pages or more", "pages that all sockets may have queued, before the kernel presses"},
		{"net/ipv4/ip_local_port_range", "1024 65535", "at who connects, as a proxy does: for each address of its own some 64,000 connections to one address and port of the server, so 16 addresses for a million"},
		{"net/netfilter/nf_conntrack_max", "2,000,000, or no tracking", "only with a firewall that has state"},
	} {
		t.Row("`"+strings.ReplaceAll(s.name, "/", ".")+"`", s.value, sysctl(s.name), s.why)
	}
	t.Row("`wye serve --max-connections`", "1,000,000", "20,000", "its own bound")
	p.Table(t)
}

func descriptors() string {
	n, err := load.RaiseDescriptors()
	if err != nil {
		return "–"
	}
	return report.Count(n)
}
