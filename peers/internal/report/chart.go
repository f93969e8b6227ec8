package report

import (
	"bytes"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Kind says what a bar or a curve belongs to, and so its colour.
type Kind int

const (
	Peer  Kind = iota // somebody else's
	Ours              // made with wye
	Limit             // no library, but what is possible
)

// Name is name as tables have it: ours are bold.
func (k Kind) Name(name string) string {
	if k == Ours {
		return "**" + name + "**"
	}
	return name
}

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

// Bars draws bars as SVG, with their values in three digits, the smallest on top.
// label says what the values are. There has to be one at least.
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
	var (
		names  []string
		values plotter.XYLabels
	)
	for i, b := range bars {
		bar, err := plotter.NewBarChart(plotter.Values{b.Value}, vg.Points(14))
		if err != nil {
			return nil, err
		}
		bar.Horizontal, bar.XMin, bar.LineStyle.Width, bar.Color = true, float64(i), 0, colors[b.Kind]
		names = append(names, b.Name)
		p.Add(bar)
		values.XYs = append(values.XYs, plotter.XY{X: b.Value, Y: float64(i)})
		values.Labels = append(values.Labels, digits(rounded(b.Value)))
	}
	labels, err := plotter.NewLabels(values)
	if err != nil {
		return nil, err
	}
	labels.Offset = vg.Point{X: vg.Points(3), Y: -vg.Points(4)}
	p.Add(labels)
	p.X.Max *= 1.1 // room for what stands beside the longest
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
	p.Title.Text, p.Title.Padding, p.BackgroundColor = title, vg.Points(8), color.White
	return p
}

// margin is what readers' fonts may be wider than ours.
const margin = vg.Length(0.3 * vg.Centimeter)

func svg(p *plot.Plot, height vg.Length) ([]byte, error) {
	c := vgsvg.New(16*vg.Centimeter, height)
	all := draw.New(c)
	all.SetColor(p.BackgroundColor)
	all.Fill(all.Rectangle.Path())
	p.Draw(draw.Crop(all, margin, -margin, margin, -margin))
	var b bytes.Buffer
	_, err := c.WriteTo(&b)
	return b.Bytes(), err
}
