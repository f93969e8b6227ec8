package main

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

var (
	colorOurs  = color.RGBA{R: 0x0b, G: 0x7a, B: 0x75, A: 0xff}
	colorLimit = color.RGBA{R: 0xb0, G: 0xb4, B: 0xba, A: 0xff}
	colorPeer  = color.RGBA{R: 0xe0, G: 0x8e, B: 0x45, A: 0xff}
)

// chart draws what a unit of the workload costs each server, the cheapest on top.
func (r *results) chart(w workload, file string) error {
	var shown []contender
	for _, c := range r.contenders {
		if !math.IsNaN(r.absolute(w, c).median) {
			shown = append(shown, c)
		}
	}
	slices.SortFunc(shown, func(a, b contender) int { // the first is drawn lowest
		return int(math.Copysign(1, r.absolute(w, b).median-r.absolute(w, a).median))
	})
	p := plot.New()
	p.Title.Text = w.about
	p.X.Label.Text = "server CPU, µs a " + w.unit
	scale := 1e-3
	if w.name == "idle" {
		p.X.Label.Text, scale = "KB a connection", 1e-3
	}
	p.X.Min = 0
	p.BackgroundColor = color.White
	var names []string
	for i, c := range shown {
		names = append(names, c.name)
		bar, err := plotter.NewBarChart(plotter.Values{r.absolute(w, c).median * scale}, vg.Points(14))
		if err != nil {
			return err
		}
		bar.Horizontal, bar.XMin, bar.LineStyle.Width = true, float64(i), 0
		switch {
		case c.ours:
			bar.Color = colorOurs
		case c.limit:
			bar.Color = colorLimit
		default:
			bar.Color = colorPeer
		}
		p.Add(bar)
	}
	p.NominalY(names...)
	return p.Save(16*vg.Centimeter, vg.Length(2+0.75*float64(len(shown)))*vg.Centimeter, file)
}
