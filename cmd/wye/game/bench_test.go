package game

import (
	"testing"

	"github.com/wye-org/wye/cmd/wye/game/arena"
	"github.com/wye-org/wye/cmd/wye/game/codec"
)

// What a tick costs before it is sent: the step, the state in the hub's message,
// and, for the first viewer alone, what has changed.
func BenchmarkTick(b *testing.B) {
	w := arena.New(1)
	for n := range uint32(arena.Slots) {
		w.Join(n+1, "somebody")
	}
	var base *arena.State
	var snapshot, delta, ticks int
	for i := 0; b.Loop(); i++ {
		for n := range uint32(arena.Slots) {
			w.Hear(n+1, uint32(i+1), []arena.Input{arena.Input(1 + (i/9+int(n)*4)%arena.Directions)})
		}
		m := publishedTick(w)
		s, frame := frameFrom(base, m)
		if base != nil {
			delta += len(frame.Payload())
		}
		base = s
		snapshot += len(m.Data)
		ticks++
	}
	b.ReportMetric(float64(snapshot)/float64(ticks), "snapshot-bytes")
	b.ReportMetric(float64(delta)/float64(ticks), "delta-bytes")
}

// What one more viewer costs of it.
func BenchmarkViewer(b *testing.B) {
	w := arena.New(1)
	base, _ := codec.Apply(new(arena.State), codec.AppendSnapshot(nil, w.State()))
	m := publishedTick(w)
	frameFrom(base, m)
	b.ReportAllocs()
	for b.Loop() {
		frameFrom(base, m)
	}
}
