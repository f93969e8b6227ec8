package load

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestModes(t *testing.T) {
	const stat = "4711 (a ) name) S 1 4711 4711 0 -1 4194560 100 0 0 0 123 45 0 0 20 0 8 0 100 1000 10\n"
	user, kernel, err := modes(stat)
	if user != 1230*time.Millisecond || kernel != 450*time.Millisecond || err != nil {
		t.Errorf("%s, %s, %v; want 1.23s, 450ms", user, kernel, err)
	}
	for _, stat := range []string{"", "1 (x) S", "4711 (x) S 1 4711 4711 0 -1 4194560 100 0 0 0 many 45 0"} {
		if _, _, err := modes(stat); err == nil {
			t.Errorf("%q is taken", stat)
		}
	}
}

func TestBusyTime(t *testing.T) {
	// user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice
	got, err := busyTime("cpu  1 2 4 1000 2000 8 16 32 5000 6000\ncpu0 9 9 9 9 9 9 9 9 9 9\n")
	if want := 63 * tick; got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	for _, stat := range []string{"", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3", "cpu a b c d e f g h"} {
		if _, err := busyTime(stat); err == nil {
			t.Errorf("%q is taken", stat)
		}
	}
}

func TestSockets(t *testing.T) {
	const info = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>
TCP                  130    140   2368   13    8 : tunables    0    0    0 : slabdata     10     10      0
TCPv6               9999   9999   2432   13    8 : tunables    0    0    0 : slabdata     10     10      0
filp                 200    210    192   20    1 : tunables    0    0    0 : slabdata     10     10      0
empty                  0      0    192    0    1 : tunables    0    0    0 : slabdata     10     10      0
`
	page := int64(os.Getpagesize())
	if got, err := sockets(info); got != 80*page+10*page || err != nil {
		t.Errorf("%d, %v; want 90 pages", got, err)
	}
	if _, err := sockets("slabinfo - version: 2.1\n"); err == nil {
		t.Error("nothing is taken for something")
	}
	if _, err := sockets("TCP many 140 2368 13 8\n"); err == nil {
		t.Error("words are taken for numbers")
	}
}

func TestKilobytes(t *testing.T) {
	if got, err := kilobytes("VmHWM:\t 99 kB\nVmRSS:\t   12 kB\n", "VmRSS:"); got != 12<<10 || err != nil {
		t.Errorf("%d, %v; want 12 KiB", got, err)
	}
	if _, err := kilobytes("VmHWM: 99 kB\n", "VmRSS:"); err == nil {
		t.Error("what is not there was found")
	}
}

func TestDescribe(t *testing.T) {
	got := describe("processor\t: 0\nmodel name\t: ACME 9\nflags\t\t: fpu hypervisor\n", "6.1.2-vendor\n", "MemTotal:  16000000 kB\n", 2)
	if want := "a virtual machine with 2 cores of an ACME 9 and 16 GB, Linux 6.1.2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := describe("", "", "", 1); !strings.Contains(got, "unknown") {
		t.Errorf("%q", got)
	}
}

// Work of our own is not the neighbours'.
func TestShare(t *testing.T) {
	for _, tt := range []struct {
		busy, own, all time.Duration
		want           float64
	}{
		{10, 10, 100, 0},
		{35, 10, 100, 0.25},
		{100, 0, 100, 1},
		{9, 10, 100, 0}, // clocks differ
	} {
		if got := share(tt.busy, tt.own, tt.all); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// What is measured is what has passed since it began, not since the machine did.
func TestNeighbours(t *testing.T) {
	n, err := WatchNeighbours()
	if err != nil {
		t.Fatal(err)
	}
	if n.busy <= 0 || n.own < 0 {
		t.Errorf("%s busy, %s our own", n.busy, n.own)
	}
	n.began = n.began.Add(-time.Hour)
	if got, err := n.Share(); err != nil || got > 0.5 {
		t.Errorf("%v of an hour in which the test did not run, %v", got, err)
	}
}

func TestBuffers(t *testing.T) {
	const stat = "sockets: used 467\nTCP: inuse 449 orphan 0 tw 11373 alloc 449 mem 3\nUDP: inuse 0 mem 9\n"
	if got, err := buffers(stat); got != 3*int64(os.Getpagesize()) || err != nil {
		t.Errorf("%d, %v; want three pages", got, err)
	}
	if _, err := buffers("UDP: inuse 0 mem 9\n"); err == nil {
		t.Error("those of UDP are taken")
	}
}
