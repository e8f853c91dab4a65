package devnet

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"vision/internal/hotkey"
	"vision/internal/scorer"
)

// Show writes the network's status to w until ctx ends: on a screen every
// second, in place; elsewhere after each scored period.
func (d *Devnet) Show(ctx context.Context, w io.Writer, screen bool) {
	names := d.Names()
	lines, scored := 0, int64(-1)
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		report, err := scorer.Compose(ctx, d.Store(), d.Catalogue(), scorer.ReportOptions{Now: time.Now()})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.options.Log.Warn("cannot show the scores", "err", err)
		case screen:
			text := status(report, names)
			if lines > 0 {
				fmt.Fprintf(w, "\x1b[%dA\x1b[J", lines)
			}
			lines = strings.Count(text, "\n")
			fmt.Fprint(w, text)
		case report.Scored != scored:
			scored = report.Scored
			fmt.Fprintf(w, "%s\n", status(report, names))
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// status is the table: a line about the period, then one a miner.
func status(r scorer.Report, names map[hotkey.ID]string) string {
	var b strings.Builder
	switch {
	case r.Running != nil:
		fmt.Fprintf(&b, "period %d: %3.0f%% over, %d requests counted", r.Running.ID, 100*r.Running.Elapsed, r.Running.Requests)
	default:
		b.WriteString("no period is running")
	}
	if r.Scored > 0 {
		fmt.Fprintf(&b, "; scores are of period %d", r.Scored)
	}
	if r.Weights != nil && r.Weights.Note != "" {
		fmt.Fprintf(&b, "; weights: %s", r.Weights.Note)
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "  %-17s %-9s %8s  %6s %7s %7s  %5s %5s %5s\n", "miner", "hotkey", "weight", "period", "quality", "speed", "ok", "429", "fail")
	for _, m := range r.Miners {
		s := summarise(m)
		fmt.Fprintf(&b, "  %-17s %-9s %7.1f%%  %6.3f %7s %7s  %5d %5d %5d\n",
			names[m.Hotkey], m.Hotkey.Short(), 100*m.Weight, s.period, s.quality, s.speed, s.ok, s.limited, s.failed)
	}
	return b.String()
}

// summary is a miner's row: means over its tasks, and sums of its last period.
type summary struct {
	period              float64
	quality, speed      string
	ok, limited, failed int
}

func summarise(m scorer.MinerReport) summary {
	var s summary
	var quality, speed float64
	checked := 0
	for _, t := range m.Tasks {
		s.period += t.PeriodScore / float64(len(m.Tasks))
		s.ok += t.Counts.OK
		s.limited += t.Counts.RateLimited
		s.failed += t.Counts.Failed
		if t.Quality.Checks > 0 {
			checked++
			quality += t.Quality.Mean
			speed += t.Quality.Speed
		}
	}
	s.quality, s.speed = "-", "-"
	if checked > 0 {
		s.quality = fmt.Sprintf("%.3f", quality/float64(checked))
		s.speed = fmt.Sprintf("%.3f", speed/float64(checked))
	}
	return s
}
