// Package report is what the programs beside it write down with: figures of many
// rounds and whether they count, tables, and charts.
package report

import (
	"fmt"
	"math"
	"slices"
)

// Void is how far the quartiles of a figure's rounds may be apart, as a part of
// their median, for it to count.
const Void = 0.10

// Enough is how many rounds a figure needs.
const Enough = 8

// A Figure is the median of what the rounds say, and how far they agree. Without
// any round the median is not a number.
type Figure struct {
	Median    float64
	Low, High float64 // the quartiles
	Rounds    int
}

// Summarize makes a figure of one value for each round.
func Summarize(values []float64) Figure {
	if len(values) == 0 {
		return Figure{Median: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	s := slices.Sorted(slices.Values(values))
	return Figure{quantile(s, 0.5), quantile(s, 0.25), quantile(s, 0.75), len(s)}
}

// quantile interpolates between the sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Missing says that nothing was measured.
func (f Figure) Missing() bool { return math.IsNaN(f.Median) }

// Spread is how far the quartiles are apart, as a part of the median.
func (f Figure) Spread() float64 { return (f.High - f.Low) / math.Abs(f.Median) }

// OK says whether the figure counts: otherwise it is void.
func (f Figure) OK() bool { return f.Rounds >= Enough && f.Spread() <= Void }

// Ratio is a figure that is a ratio, as the tables show it: in brackets if it is
// void.
func (f Figure) Ratio() string {
	if f.Missing() {
		return "–"
	}
	digits := 2
	if f.Median < 0.1 {
		digits = 3
	}
	return f.mark(fmt.Sprintf("%.*f", digits, f.Median))
}

// Time is a figure in nanoseconds, likewise.
func (f Figure) Time() string {
	if f.Missing() {
		return "–"
	}
	return f.mark(Time(f.Median))
}

// Bytes is a figure in bytes, likewise.
func (f Figure) Bytes() string {
	if f.Missing() {
		return "–"
	}
	return f.mark(Bytes(f.Median))
}

// Plain is the median, written by write, and without a verdict.
func (f Figure) Plain(write func(float64) string) string {
	if f.Missing() {
		return "–"
	}
	return write(f.Median)
}

// Between is a figure in nanoseconds with its quartiles, and without a verdict.
func (f Figure) Between() string {
	return fmt.Sprintf("%s (%s – %s)", Time(f.Median), Time(f.Low), Time(f.High))
}

func (f Figure) mark(s string) string {
	if f.OK() {
		return s
	}
	return "(" + s + ")"
}

// Time writes nanoseconds in three digits.
func Time(ns float64) string {
	switch ns = rounded(ns); {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return digits(ns/1e3) + " µs"
	case ns < 1e9:
		return digits(ns/1e6) + " ms"
	}
	return digits(ns/1e9) + " s"
}

// Bytes writes bytes in three digits: 1 KB is 1,000.
func Bytes(n float64) string {
	n = rounded(n)
	switch a := math.Abs(n); {
	case a < 1e3:
		return fmt.Sprintf("%.0f B", n)
	case a < 1e6:
		return digits(n/1e3) + " KB"
	case a < 1e9:
		return digits(n/1e6) + " MB"
	}
	return digits(n/1e9) + " GB"
}

// rounded is x in three digits.
func rounded(x float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-2)
	return math.Round(x/unit) * unit
}

// digits writes what is rounded.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case a < 10:
		return fmt.Sprintf("%.2f", x)
	case a < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// Count writes a number with commas.
func Count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
