package report

import "math"

// A Line is y = At0 + Each·x, fitted to points.
type Line struct {
	At0, Each float64

	// Off is how far the point that is off the most is off the line, as a part
	// of its y.
	Off float64
}

// Fit finds the line with the least squares of relative distances, so that small
// points count as much as large ones. It needs two different x, and no y that is
// zero.
func Fit(x, y []float64) Line {
	var w, wx, wy, wxx, wxy float64
	for i := range x {
		weight := 1 / (y[i] * y[i])
		w += weight
		wx += weight * x[i]
		wy += weight * y[i]
		wxx += weight * x[i] * x[i]
		wxy += weight * x[i] * y[i]
	}
	each := (w*wxy - wx*wy) / (w*wxx - wx*wx)
	l := Line{At0: (wy - each*wx) / w, Each: each}
	for i := range x {
		l.Off = max(l.Off, math.Abs(l.At(x[i])-y[i])/math.Abs(y[i]))
	}
	return l
}

// At is the line's y.
func (l Line) At(x float64) float64 { return l.At0 + l.Each*x }
