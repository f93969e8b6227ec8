package conform

import (
	"fmt"
	"time"
)

// performanceCases are groups 9 and 10.1: large messages, many messages.
func performanceCases() (cases []Case) {
	const section = "RFC 6455 §10.4"
	add := func(c Case) {
		c.Section = section
		c.Bound = 60 * time.Second
		cases = append(cases, c)
	}
	const (
		large = "A limit has to be a choice, not an accident of some buffer: messages of many megabytes are ordinary."
		cut   = "Time must grow with the bytes, not with the square of the frames."
		chop  = "Time must grow with the bytes, not with the square of the reads."
		many  = "Small messages are what most connections carry; the cost is in what each one needs."
	)
	for k, op := range []byte{opText, opBinary} {
		for i, size := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20} {
			add(Case{
				ID: fmt.Sprintf("9.%d.%d", 1+k, i+1), Why: large, Long: size > 1<<20,
				Title:  fmt.Sprintf("A %s message of %s", opName(op), sizeWords(size)),
				Script: []Step{Echoes{Op: op, Body: fill(bodyFor(op), size), Count: 1}},
			})
		}
		for i, per := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
			add(Case{
				ID: fmt.Sprintf("9.%d.%d", 3+k, i+1), Why: cut, Long: true,
				Title:  fmt.Sprintf("A %s message of 4 MiB in fragments of %s", opName(op), sizeWords(per)),
				Script: []Step{Echoes{Op: op, Body: fill(bodyFor(op), 4<<20), Count: 1, Per: per}},
			})
		}
		for i, size := range []int{64, 128, 256, 512, 1024, 2048} {
			add(Case{
				ID: fmt.Sprintf("9.%d.%d", 5+k, i+1), Why: chop, Long: true,
				Title: fmt.Sprintf("A %s message of 1 MiB in writes of %s", opName(op), sizeWords(size)),
				Script: []Step{
					SendMessage{Op: op, Body: fill(bodyFor(op), 1<<20), Chop: size},
					Expect{Events: []want{echo(op, fill(bodyFor(op), 1<<20))}, Within: 10 * time.Second},
				},
			})
		}
		for i, size := range []int{0, 16, 64, 256, 1024, 4096} {
			add(Case{
				ID: fmt.Sprintf("9.%d.%d", 7+k, i+1), Why: many, Long: true,
				Title:  fmt.Sprintf("1,000 %s messages of %s, one after the other", opName(op), sizeWords(size)),
				Script: []Step{Echoes{Op: op, Body: fill(bodyFor(op), size), Count: 1000}},
			})
		}
	}
	for i, n := range []int{10_000, 100_000, 1_000_000} {
		add(Case{
			ID: fmt.Sprintf("9.9.%d", i+1), Why: many, Long: true,
			Title:  fmt.Sprintf("%d text messages of 16 bytes, up to 256 of them on their way", n),
			Script: []Step{Echoes{Op: opText, Body: fill(Stars, 16), Count: n, Ahead: 256}},
		})
	}
	for i, op := range []byte{opText, opBinary} {
		add(Case{
			ID:     fmt.Sprintf("10.1.%d", i+1),
			Title:  fmt.Sprintf("A %s message of 64 KiB in fragments of 1,300 bytes", opName(op)),
			Why:    "Senders that cut at the size of a packet are common.",
			Script: []Step{SendMessage{Op: op, Body: fill(bodyFor(op), 64<<10), Per: 1300}, expect(echo(op, fill(bodyFor(op), 64<<10)))},
		})
	}
	return cases
}
