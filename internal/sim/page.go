package sim

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent": func(x float64) string { return fmt.Sprintf("%.4g%%", 100*x) },
	"class":   Interval.class,
	"ratio":   func(g Grid, column int) bool { return column < g.ratios() },
	"two":     func(x float64) string { return fmt.Sprintf("%.2f", x) },
	"one":     func(x float64) string { return fmt.Sprintf("%.1f", x) },
	"last":    func(first uint64, n int) uint64 { return first + uint64(n) - 1 },
}).Parse(pageSource))

// HTML writes a report, and grids of ablations and sweeps if there are any, as
// one page that loads nothing else. Every chart is followed by its numbers. A report of no
// strategies is left out.
func HTML(out io.Writer, r Report, grids ...Grid) error {
	type drawnGrid struct {
		Grid
		Figures []figure
	}
	type view struct {
		Report
		Charts []template.HTML
		Grids  []drawnGrid
	}
	v := view{Report: r}
	for m, name := range r.Mechanisms {
		bars := make([]bar, len(r.Rows))
		for i, row := range r.Rows {
			bars[i] = bar{name: row.Strategy, about: row.About, same: row.Family == "honest", ratio: row.Profit[m]}
		}
		v.Charts = append(v.Charts, chart(fmt.Sprint(m), fmt.Sprintf("Profit of each strategy under %s, in an honest twin's", name), bars))
	}
	for n, g := range grids {
		v.Grids = append(v.Grids, drawnGrid{g, g.figures(n)})
	}
	return page.Execute(out, v)
}

// figures are a grid's charts: one for each row or for each column, whichever are fewer.
func (g Grid) figures(n int) []figure {
	var out []figure
	columns := g.Columns[:g.ratios()]
	draw := func(name, about string, bars []bar) {
		out = append(out, figure{name, about, chart(fmt.Sprintf("g%d-%d", n, len(out)), g.Title+": "+name, bars)})
	}
	if len(g.Rows) > len(columns) {
		for j, column := range columns {
			bars := make([]bar, len(g.Rows))
			for i, row := range g.Rows {
				bars[i] = bar{name: row, about: row + ", " + column, ratio: g.Cells[i][j]}
			}
			draw(column, "", bars)
		}
		return out
	}
	for i, row := range g.Rows {
		bars := make([]bar, len(columns))
		for j, column := range columns {
			bars[j] = bar{name: column, about: row + ", " + column, ratio: g.Cells[i][j]}
		}
		about := ""
		if g.About != nil {
			about = g.About[i]
		}
		draw(row, about, bars)
	}
	return out
}

// figure is a chart with its heading.
type figure struct {
	Name, About string
	Chart       template.HTML
}

// ratios is how many columns are profit ratios, which alone are drawn.
func (g Grid) ratios() int { return len(g.Columns) - g.Beside }

// Geometry of a chart, in pixels of its own coordinates.
const (
	chartLeft  = 190
	chartWidth = 520
	chartRow   = 22
	chartTop   = 34
)

// place is where a ratio is drawn: linear up to 2, logarithmic above, cut at -2.5.
func place(x float64) float64 {
	const low, most = -2.5, 500.0
	x = min(max(x, low), most)
	if x > 2 {
		x = 2 + 0.75*math.Log2(x/2)
	}
	return chartLeft + chartWidth*(x-low)/(2+0.75*math.Log2(most/2)-low)
}

// class says how a ratio compares with honesty's: above if all of its interval is, or, of a single seed, the number by
// more than 0.02; unsure if the mean is by that, but not all of the interval; unknown if nothing could be compared; below else.
func (i Interval) class() string {
	switch {
	case i.Radius == 0 && i.Mean > 1.02, i.Radius > 0 && i.Mean-i.Radius > 1:
		return "above"
	case i.Mean > 1.02:
		return "unsure"
	case math.IsNaN(i.Mean):
		return "unknown"
	}
	return "below"
}

// bar is one line of a chart.
type bar struct {
	name, about string
	same        bool // it is honesty itself
	ratio       Interval
}

// chart draws profit ratios as a dot and an interval a line. Its id is the page's own.
func chart(id, title string, bars []bar) template.HTML {
	var b strings.Builder
	height := chartTop + chartRow*len(bars) + 10
	above := 0
	for _, x := range bars {
		if x.ratio.class() == "above" {
			above++
		}
	}
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-labelledby="t%s d%s">`, chartLeft+chartWidth+70, height, id, id)
	fmt.Fprintf(&b, `<title id="t%s">%s</title>`, id, template.HTMLEscapeString(title))
	fmt.Fprintf(&b, `<desc id="d%s">%d of %d are above 1. The table below has all numbers.</desc>`, id, above, len(bars))
	fmt.Fprintf(&b, `<text class="axis unit" x="%d" y="20">profit ratio</text>`, chartLeft-10)
	for _, tick := range []float64{-2, -1, 0, 1, 2, 10, 100} {
		class := "tick"
		if tick == 1 {
			class = "tick honest"
		}
		x := place(tick)
		fmt.Fprintf(&b, `<line class="%s" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="axis" x="%.1f" y="20">%g</text>`, class, x, x, chartTop-8, height-6, x, tick)
	}
	for i, line := range bars {
		p := line.ratio
		y := float64(chartTop + chartRow*i + chartRow/2)
		class := p.class()
		if line.same {
			class = "same"
		}
		fmt.Fprintf(&b, `<g class="%s"><title>%s: %s</title><text class="name" x="%d" y="%.1f">%s</text>`, class, template.HTMLEscapeString(line.about), p, chartLeft-10, y+4, template.HTMLEscapeString(line.name))
		if math.IsNaN(p.Mean) {
			fmt.Fprintf(&b, `<text class="value" x="%d" y="%.1f">%s</text></g>`, chartLeft+chartWidth+12, y+4, p)
			continue
		}
		if p.Radius > 0 {
			fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, place(p.Mean-p.Radius), place(p.Mean+p.Radius), y, y)
		}
		if class == "above" || class == "unsure" {
			fmt.Fprintf(&b, `<path d="M%.1f %.1fl5 9h-10z"/>`, place(p.Mean), y-6)
		} else {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4.5"/>`, place(p.Mean), y)
		}
		fmt.Fprintf(&b, `<text class="value" x="%d" y="%.1f">%.2f</text></g>`, chartLeft+chartWidth+12, y+4, p.Mean)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
