package websocket

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// Everybody is looked at when they are due, late by a span at the most and never
// early, but for those beyond the horizon, who are put back; and next says when.
func TestWheel(t *testing.T) {
	const span = wire.Instant(1) << wheelShift
	rnd := rand.New(rand.NewPCG(1, 2))
	var w wheel
	due := make(map[*Conn]wire.Instant) // of those in the wheel
	conns := make([]*Conn, 300)
	for i := range conns {
		conns[i] = &Conn{looped: new(looped)}
	}
	for now := wire.Instant(0); now < wire.Instant(3*time.Minute); {
		for range rnd.IntN(40) {
			c := conns[rnd.IntN(len(conns))]
			switch rnd.IntN(4) {
			case 0:
				w.remove(c)
				delete(due, c)
			default:
				at := now + wire.Instant(rnd.Int64N(int64(time.Minute)>>rnd.IntN(12)))
				w.add(c, at)
				if old, ok := due[c]; !ok || at < old {
					due[c] = at
				}
			}
		}
		first := w.due()
		if (first == 0) != (len(due) == 0) {
			t.Fatalf("at %v: due() is %v, and %d wait", now, first, len(due))
		}
		now += wire.Instant(rnd.Int64N(int64(20*time.Second) >> rnd.IntN(12)))
		if rnd.IntN(2) == 0 && first != 0 {
			now = max(now, first)
		}
		fired := w.turn(nil, now)
		if first != 0 && now >= first && len(fired) == 0 {
			t.Fatalf("at %v: nobody is due, due() was %v", now, first)
		}
		for _, c := range fired {
			at, ok := due[c]
			switch {
			case !ok:
				t.Fatal("one fired that is not in the wheel, or twice")
			case at > now: // beyond the horizon, as it was then
				w.add(c, at)
				if at < now+wheelSlots/2*span && c.span < int64(at>>wheelShift) {
					t.Fatalf("at %v: put back too early for %v", now, at)
				}
			default:
				delete(due, c)
			}
		}
		for c, at := range due {
			if at+span < now {
				t.Fatalf("at %v: one that was due at %v has not fired", now, at)
			}
			if c.span == 0 {
				t.Fatal("one that is due is not in the wheel")
			}
		}
	}
}
