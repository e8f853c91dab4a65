package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// noise is by how much a ratio may exceed its target before -check calls it
// missed: what two runs of the same code on a shared machine differ by.
const noise = 1.15

// ratios are those of the last proxy to the first, round by round.
func (m *measure) ratios() []float64 {
	first, last := m.values[0], m.values[len(m.values)-1]
	all := make([]float64, len(first))
	for i := range first {
		all[i] = last[i] / first[i]
	}
	return all
}

func (m *measure) missed() bool { return m.target > 0 && median(m.ratios()) > m.target*noise }

// table writes the measures, and says which targets are missed.
func table(out io.Writer, names []string, measures []*measure) (missed int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "median (range)\t%s\tratio\ttarget\t\n", strings.Join(names, "\t"))
	for _, m := range measures {
		fmt.Fprint(w, m.name)
		for _, v := range m.values {
			fmt.Fprintf(w, "\t%.1f %s (%.1f–%.1f)", median(v), m.unit, slices.Min(v), slices.Max(v))
		}
		r := m.ratios()
		fmt.Fprintf(w, "\t%.2f (%.2f–%.2f)", median(r), slices.Min(r), slices.Max(r))
		switch {
		case m.target == 0:
			fmt.Fprint(w, "\t\t")
		case median(r) <= m.target:
			fmt.Fprintf(w, "\t≤ %.1f\treached", m.target)
		case m.missed():
			fmt.Fprintf(w, "\t≤ %.1f\tMISSED", m.target)
			missed++
		default:
			fmt.Fprintf(w, "\t≤ %.1f\tmissed, within the noise", m.target)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return missed
}

// machine describes where this runs, and how busy that is.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(text), "model name\t: "); ok {
			model, _, _ = strings.Cut(after, "\n")
		}
	}
	return fmt.Sprintf("%s, %d × %s, %s/%s; load %s", runtime.Version(), runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, load())
}

// load is the machine's load average over one minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
