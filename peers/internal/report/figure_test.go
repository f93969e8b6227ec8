package report

import (
	"flag"
	"math"
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	f := Summarize([]float64{5, 1, 2, 4, 3})
	if f != (Figure{Median: 3, Low: 2, High: 4, Rounds: 5}) {
		t.Errorf("%+v, want median 3, quartiles 2 and 4", f)
	}
	if got := f.Spread(); math.Abs(got-2.0/3) > 1e-9 {
		t.Errorf("spread %v, want 2/3", got)
	}
	if f := Summarize([]float64{10, 20}); f.Median != 15 || f.Low != 12.5 || f.High != 17.5 {
		t.Errorf("%+v, want interpolation between the two", f)
	}
	if f := Summarize([]float64{7}); f != (Figure{7, 7, 7, 1}) {
		t.Errorf("%+v, want 7", f)
	}
	f = Summarize(nil)
	if !f.Missing() || f.OK() {
		t.Errorf("of nothing: %+v, want nothing", f)
	}
	for _, s := range []string{f.Ratio(), f.Time(), f.Bytes()} {
		if s != "–" {
			t.Errorf("of nothing: %q", s)
		}
	}
}

// Summarize does not sort the caller's values.
func TestSummarizeLeavesItsArgument(t *testing.T) {
	v := []float64{3, 1, 2}
	Summarize(v)
	if v[0] != 3 || v[1] != 1 || v[2] != 2 {
		t.Errorf("now %v", v)
	}
}

// A figure is void with too few rounds, and with quartiles more than a tenth of
// the median apart.
func TestVoid(t *testing.T) {
	for _, tt := range []struct {
		why    string
		values []float64
		ok     bool
	}{
		{"seven rounds that agree", []float64{1, 1, 1, 1, 1, 1, 1}, false},
		{"eight rounds that agree", []float64{1, 1, 1, 1, 1, 1, 1, 1}, true},
		{"quartiles a tenth apart", []float64{95, 95, 95, 100, 100, 100, 105, 105, 105}, true},
		{"quartiles more than that apart", []float64{94, 94, 94, 100, 100, 100, 105, 105, 105}, false},
		{"two rounds astray", []float64{1, 100, 100, 100, 100, 100, 100, 100, 100, 10_000}, true},
		{"a negative median", []float64{-90, -90, -90, -100, -100, -100, -110, -110, -110}, false},
	} {
		f := Summarize(tt.values)
		if f.OK() != tt.ok {
			t.Errorf("%s: counts: %t, want %t: %+v", tt.why, f.OK(), tt.ok, f)
		}
		if brackets := f.Ratio()[0] == '('; brackets == tt.ok {
			t.Errorf("%s: written %q", tt.why, f.Ratio())
		}
	}
}

func TestUnits(t *testing.T) {
	for got, want := range map[string]string{
		Time(123):        "123 ns",
		Time(1234):       "1.23 µs",
		Time(12_345):     "12.3 µs",
		Time(123_456):    "123 µs",
		Time(1_234_567):  "1.23 ms",
		Time(2e9):        "2.00 s",
		Time(0):          "0 ns",
		Time(999.7):      "1.00 µs",
		Time(9_999.6):    "10.0 µs",
		Time(99_990):     "100 µs",
		Bytes(999.99):    "1.00 KB",
		Bytes(9_999_999): "10.0 MB",
		Bytes(999):       "999 B",
		Bytes(1000):      "1.00 KB",
		Bytes(-45_600):   "-45.6 KB",
		Bytes(1.5e6):     "1.50 MB",
		Bytes(16e9):      "16.0 GB",
		Count(7):         "7",
		Count(999):       "999",
		Count(1000):      "1,000",
		Count(1234567):   "1,234,567",

		Figure{Median: 0.0453, Low: 0.0453, High: 0.0453, Rounds: 8}.Ratio(): "0.045",
		Figure{Median: 0.453, Low: 0.453, High: 0.453, Rounds: 8}.Ratio():    "0.45",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFit(t *testing.T) {
	x := []float64{100, 1000, 5000, 19000}
	y := make([]float64, len(x))
	for i := range x {
		y[i] = 5e6 + 700*x[i]
	}
	l := Fit(x, y)
	if math.Abs(l.At0-5e6) > 1 || math.Abs(l.Each-700) > 1e-6 || l.Off > 1e-9 {
		t.Errorf("%+v, want 5,000,000 + 700x, and no point off", l)
	}
	if got := l.At(1e6); math.Abs(got-705e6) > 10 {
		t.Errorf("at a million %v, want 705,000,000", got)
	}
	y[3] *= 1.5
	if l := Fit(x, y); l.Off < 0.05 {
		t.Errorf("%+v, want a point that is off", l)
	}
	// Small points count as much as large ones.
	if l := Fit([]float64{1, 100, 1000}, []float64{10, 500, 11000}); math.Abs(l.At(1)-10) > 1 {
		t.Errorf("%+v is %v at 1, want some 10", l, l.At(1))
	}
}

func TestChoose(t *testing.T) {
	name := func(s string) string { return s }
	all := []string{"a", "b", "c"}
	if got, err := Choose(all, "c,a", name); err != nil || len(got) != 2 || got[0] != "c" || got[1] != "a" {
		t.Errorf("c,a: %v, %v", got, err)
	}
	if got, err := Choose(all, "", name); err != nil || len(got) != 3 {
		t.Errorf("nothing: %v, %v; want all", got, err)
	}
	if _, err := Choose(all, "a,d", name); err == nil || err.Error() != `there is no "d": want some of a, b, c` {
		t.Errorf("a,d: %v", err)
	}
}

func TestBusyness(t *testing.T) {
	if got := Busyness(0.4); !strings.Contains(got, "was busy") || !strings.Contains(got, "40 %") || !strings.Contains(got, "preliminary") {
		t.Errorf("%q", got)
	}
	if got := Busyness(0.05); !strings.Contains(got, "was quiet") || !strings.Contains(got, "5 %") {
		t.Errorf("%q", got)
	}
}

func TestFlags(t *testing.T) {
	fs := flag.NewFlagSet("x", flag.ContinueOnError)
	for _, name := range []string{"rounds", "impl", "only", "out"} {
		fs.String(name, "default", "")
	}
	if err := fs.Parse([]string{"-out", "y", "-only", "a,b"}); err != nil {
		t.Fatal(err)
	}
	if got := Flags(fs, "rounds"); got != "-only a,b -rounds default" {
		t.Errorf("%q", got)
	}
}
