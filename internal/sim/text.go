package sim

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// Text writes a report for people.
func (r Report) Text(out io.Writer) error {
	fmt.Fprintln(out, described(r.Miners, r.Validators, r.Tasks, r.Periods, r.Seeds, r.FirstSeed, r.Power, r.FalseRate))
	fmt.Fprint(out, "Profit of the strategy for each unit of an honest twin's, with 95% intervals over seeds; above 1 it pays better than honesty.\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "STRATEGY")
	for _, m := range r.Mechanisms {
		fmt.Fprintf(w, "\t%s", m)
	}
	fmt.Fprintln(w, "\tWHAT IT DOES")
	for _, row := range r.Rows {
		fmt.Fprint(w, row.Strategy)
		for _, p := range row.Profit {
			fmt.Fprintf(w, "\t%s", p)
		}
		fmt.Fprintf(w, "\t%s\n", row.About)
	}
	if err := w.Flush(); err != nil || len(r.People) == 0 {
		return err
	}
	fmt.Fprintln(out, "\nWhole populations")
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, f func(Community) string) {
		fmt.Fprint(w, name)
		for _, c := range r.People {
			fmt.Fprintf(w, "\t%s", f(c))
		}
		fmt.Fprintln(w)
	}
	line("", func(c Community) string { return c.Mechanism })
	line("operators that cheat", func(c Community) string { return percent(c.Cheats) })
	line("customers' requests answered", func(c Community) string { return fmt.Sprintf("%.2f%%", 100*c.Success.Mean) })
	line("first output, median", func(c Community) string { return fmt.Sprintf("%.2f s", c.First50.Mean) })
	line("first output, 95th percentile", func(c Community) string { return fmt.Sprintf("%.2f s", c.First95.Mean) })
	line("whole answer, median", func(c Community) string { return fmt.Sprintf("%.1f s", c.Total50.Mean) })
	line("whole answer, 95th percentile", func(c Community) string { return fmt.Sprintf("%.1f s", c.Total95.Mean) })
	line("rank correlation of useful work and income, of the honest", func(c Community) string { return c.Rank.String() })
	line("validators' own requests, of capacity", func(c Community) string { return fmt.Sprintf("%.2f%%", 100*c.Synthetic.Mean) })
	line("cheats' part of useful work", func(c Community) string { return percentOr(c, c.Value) })
	line("cheats' part of income", func(c Community) string { return percentOr(c, c.Take) })
	return w.Flush()
}

func percentOr(c Community, i Interval) string {
	if c.Cheats == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*i.Mean)
}

// String is the mean and, if there is one, the interval; a dash if nothing could be compared.
func (i Interval) String() string {
	if math.IsNaN(i.Mean) {
		return "-"
	}
	if len(knownOf(i.Values)) < 2 {
		return fmt.Sprintf("%.2f", i.Mean)
	}
	return fmt.Sprintf("%.2f ± %.2f", i.Mean, i.Radius)
}

func percent(x float64) string { return fmt.Sprintf("%.4g%%", 100*x) }

// describe says in words what is played.
func (w World) describe(seeds int) string {
	return described(w.Miners, len(w.Stakes), len(w.Tasks), w.Periods, seeds, w.Seed, w.Power, w.False)
}

func described(miners, validators, tasks, periods, seeds int, first uint64, power, false float64) string {
	return fmt.Sprintf("%d miners, %d validators, %d tasks, %d periods, seeds %d to %d; a check of a cheaper model's answer fails in %s, of an honest one in %s.",
		miners, validators, tasks, periods, first, first+uint64(seeds)-1, percent(power), percent(false))
}

// Text writes a grid for people.
func (g Grid) Text(out io.Writer) error {
	fmt.Fprintf(out, "%s\n%s\n\n", g.Title, g.World)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, g.Corner)
	for _, c := range g.Columns {
		fmt.Fprintf(w, "\t%s", c)
	}
	fmt.Fprintln(w)
	for i, row := range g.Rows {
		fmt.Fprint(w, row)
		for _, cell := range g.Cells[i] {
			fmt.Fprintf(w, "\t%s", cell)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil || len(g.About) == 0 {
		return err
	}
	fmt.Fprintln(out)
	for i, about := range g.About {
		fmt.Fprintf(w, "%s\t%s\n", g.Rows[i], about)
	}
	return w.Flush()
}
