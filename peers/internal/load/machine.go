package load

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine says in a line what this one is.
func Machine() string {
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	info, _ := os.ReadFile("/proc/meminfo")
	return describe(string(cpu), string(release), string(info), runtime.NumCPU())
}

func describe(cpu, release, info string, cores int) string {
	model := "an unknown processor"
	for line := range strings.Lines(cpu) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kind := "a machine"
	if strings.Contains(cpu, " hypervisor") {
		kind = "a virtual machine"
	}
	number, _, _ := strings.Cut(release, "-")
	memory, _ := kilobytes(info, "MemTotal:")
	return fmt.Sprintf("%s with %d cores of an %s and %.0f GB, Linux %s", kind, cores, model, float64(memory)/1e9, strings.TrimSpace(number))
}

// A Neighbours measures what other processes do meanwhile.
type Neighbours struct {
	began     time.Time
	busy, own time.Duration
}

// WatchNeighbours begins to measure.
func WatchNeighbours() (*Neighbours, error) {
	busy, own, err := clocks()
	return &Neighbours{time.Now(), busy, own}, err
}

// Share is the part of all cores that other processes had since then, and the
// host of a virtual machine. The servers must have ended: a process counts as
// ours when it was waited for.
func (n *Neighbours) Share() (float64, error) {
	busy, own, err := clocks()
	if err != nil {
		return 0, err
	}
	return share(busy-n.busy, own-n.own, time.Since(n.began)*time.Duration(runtime.NumCPU())), nil
}

// share is what of all time was busy, and not our own. The clocks differ by a
// tick or two.
func share(busy, own, all time.Duration) float64 {
	return max(0, float64(busy-own)/float64(all))
}

// clocks are the CPU time of all processes, and of this one with those it has
// waited for.
func clocks() (busy, own time.Duration, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	if busy, err = busyTime(string(stat)); err != nil {
		return 0, 0, err
	}
	var self, children syscall.Rusage
	err = errors.Join(syscall.Getrusage(syscall.RUSAGE_SELF, &self), syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children))
	for _, t := range []syscall.Timeval{self.Utime, self.Stime, children.Utime, children.Stime} {
		own += time.Duration(t.Nano())
	}
	return busy, own, err
}

// busyTime is the first line of /proc/stat but for what was idle: user, nice,
// system, then idle and iowait, then irq, softirq, and what the host took away.
func busyTime(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var sum time.Duration
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		if i != 3 && i != 4 {
			sum += time.Duration(n) * tick
		}
	}
	return sum, nil
}

// Sockets is the kernel's memory, in bytes, in the objects that a TCP connection
// consists of: of all connections of the machine, with both their ends. It needs
// root.
func Sockets() (int64, error) {
	b, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		return 0, err
	}
	return sockets(string(b))
}

// caches are where the kernel has what belongs to a connection: the socket, its
// inode, directory entry and file, what epoll and security modules know of it.
var caches = []string{"TCP", "sock_inode_cache", "dentry", "filp", "eventpoll_epi", "eventpoll_pwq", "ep_head", "lsm_inode_cache", "lsm_file_cache"}

// sockets reads /proc/slabinfo: name, active objects, all objects, size, objects
// a slab, pages a slab. An object counts with its part of the slab's pages.
func sockets(slabinfo string) (int64, error) {
	var sum float64
	found := 0
	for line := range strings.Lines(slabinfo) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		for _, name := range caches {
			if f[0] != name {
				continue
			}
			active, err1 := strconv.ParseFloat(f[1], 64)
			each, err2 := strconv.ParseFloat(f[4], 64)
			pages, err3 := strconv.ParseFloat(f[5], 64)
			if err := errors.Join(err1, err2, err3); err != nil {
				return 0, err
			}
			if each > 0 {
				sum += active * pages * float64(os.Getpagesize()) / each
			}
			found++
		}
	}
	if found == 0 {
		return 0, errors.New("/proc/slabinfo has no socket")
	}
	return int64(sum), nil
}

// Buffers is the kernel's memory, in bytes, in what TCP connections have queued,
// of the whole machine.
func Buffers() (int64, error) {
	b, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, err
	}
	return buffers(string(b))
}

// buffers reads /proc/net/sockstat, where they are in pages.
func buffers(sockstat string) (int64, error) {
	for line := range strings.Lines(sockstat) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "TCP:" {
			continue
		}
		for i := 1; i+1 < len(f); i += 2 {
			if f[i] == "mem" {
				n, err := strconv.ParseInt(f[i+1], 10, 64)
				return n * int64(os.Getpagesize()), err
			}
		}
	}
	return 0, errors.New("/proc/net/sockstat has no TCP")
}
