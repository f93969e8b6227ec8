package report

import (
	"bytes"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Kind says what a bar or a curve belongs to, and so its colour.
type Kind int

const (
	Peer  Kind = iota // somebody else's
	Ours              // made with wye
	Limit             // no library, but what is possible
)

var colors = map[Kind]color.Color{
	Ours:  color.RGBA{R: 0x0b, G: 0x7a, B: 0x75, A: 0xff},
	Limit: color.RGBA{R: 0x9a, G: 0xa0, B: 0xa8, A: 0xff},
	Peer:  color.RGBA{R: 0xe0, G: 0x8e, B: 0x45, A: 0xff},
}

// A Bar of a chart.
type Bar struct {
	Name  string
	Value float64
	Kind  Kind
}

// Bars draws bars as SVG, the smallest on top. label says what the values are.
func Bars(title, label string, bars []Bar) ([]byte, error) {
	bars = slices.Clone(bars)
	slices.SortStableFunc(bars, func(a, b Bar) int { // the first is drawn lowest
		switch {
		case a.Value > b.Value:
			return -1
		case a.Value < b.Value:
			return 1
		}
		return 0
	})
	p := newPlot(title)
	p.X.Label.Text, p.X.Min = label, 0
	var names []string
	for i, b := range bars {
		bar, err := plotter.NewBarChart(plotter.Values{b.Value}, vg.Points(14))
		if err != nil {
			return nil, err
		}
		bar.Horizontal, bar.XMin, bar.LineStyle.Width, bar.Color = true, float64(i), 0, colors[b.Kind]
		names = append(names, b.Name)
		p.Add(bar)
	}
	p.NominalY(names...)
	return svg(p, vg.Length(2+0.75*float64(len(bars)))*vg.Centimeter)
}

// A Curve of a chart.
type Curve struct {
	Name string
	X, Y []float64
	Kind Kind
}

// dashes tell curves of one colour apart.
var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(2), vg.Points(2), vg.Points(2)}}

// Curves draws curves as SVG, from zero up.
func Curves(title, x, y string, curves []Curve) ([]byte, error) {
	p := newPlot(title)
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Min, p.Y.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	used := make(map[Kind]int)
	for _, c := range curves {
		points := make(plotter.XYs, len(c.X))
		for i := range c.X {
			points[i] = plotter.XY{X: c.X[i], Y: c.Y[i]}
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width, line.Dashes = colors[c.Kind], vg.Points(1.5), dashes[used[c.Kind]%len(dashes)]
		dots.Color, dots.Shape = colors[c.Kind], draw.CircleGlyph{}
		used[c.Kind]++
		p.Add(line, dots)
		p.Legend.Add(c.Name, line)
		for i := range c.Y {
			p.Y.Max = max(p.Y.Max, c.Y[i]*1.25) // room for the legend
		}
	}
	return svg(p, 9*vg.Centimeter)
}

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.BackgroundColor = title, color.White
	return p
}

func svg(p *plot.Plot, height vg.Length) ([]byte, error) {
	w, err := p.WriterTo(16*vg.Centimeter, height, "svg")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}
