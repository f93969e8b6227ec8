package main

import (
	"errors"
	"math"
	"testing"
	"time"
)

// A ratio is taken within a round: a machine that is slower in one does not
// change it.
func TestRatioIsWithinRounds(t *testing.T) {
	w := workload{name: "w"}
	a, b := contender{name: "a"}, contender{name: "b", golang: true}
	r := newResults([]workload{w}, []contender{a, b}, 9, time.Second)
	for round := range 8 {
		slow := time.Duration(1 + round%3)
		r.add(round, w, a, sample{units: 10, cpu: 100 * slow}, nil)
		r.add(round, w, b, sample{units: 10, cpu: 250 * slow}, nil)
	}
	r.add(8, w, a, sample{}, errors.New("it ended"))
	r.add(8, w, b, sample{units: 10, cpu: 1}, nil)
	if f := r.ratio(w, b, a); f.median != 2.5 || f.spread != 0 || f.rounds != 8 || !f.ok() {
		t.Errorf("ratio %+v, want 2.5 in 8 rounds that agree", f)
	}
	if f := r.absolute(w, a); f.ok() {
		t.Errorf("absolute %+v counts, want void: its rounds differ", f)
	}
	if f, name := r.toBest(w, a); f.median != 0.4 || name != "b" {
		t.Errorf("to the best library: %v of %s, want 0.4 of b", f.median, name)
	}
}

func TestSummarize(t *testing.T) {
	f := summarize([]float64{5, 1, 2, 4, 3})
	if f.median != 3 || f.rounds != 5 || math.Abs(f.spread-2.0/3) > 1e-9 {
		t.Errorf("%+v, want median 3, spread 2/3", f)
	}
	if f.ok() {
		t.Error("five rounds count, want void")
	}
	if f := summarize(nil); !math.IsNaN(f.median) || f.ok() || f.cell() != "–" {
		t.Errorf("nothing: %+v", f)
	}
}
