package sim

import (
	"bytes"
	"context"
	"errors"
	"html"
	"slices"
	"strings"
	"testing"
)

func TestSensitivityHalvesAndDoubles(t *testing.T) {
	w := tiny(t)
	entries, err := Find("declare-5")
	if err != nil {
		t.Fatal(err)
	}
	g, err := Sensitivity(context.Background(), w, map[string]float64{"penalty": 3}, []string{"penalty", "fade", "tolerated"}, entries, 1, Runner{Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"as it is", "penalty 1.5", "penalty 6", "fade 0.4", "tolerated 0.005", "tolerated 0.02"} // fade 1.6 is out of range
	if !slices.Equal(g.Rows, want) || len(g.Cells) != len(want) {
		t.Errorf("rows %q, want %q", g.Rows, want)
	}
	for i, row := range g.Cells {
		if len(row) != len(g.Columns) || len(row) != 3 {
			t.Errorf("%s has %d cells of %d", g.Rows[i], len(row), len(g.Columns))
		}
	}
	if own := g.Cells[0][2].Mean; !(own > 0 && own < 5) {
		t.Errorf("validators' own requests take %.2f%% of capacity", own)
	}
	// Only profit ratios are drawn, and compared with honesty's: requests of 3% of capacity are no strategy that pays.
	g.Cells[0][2] = Interval{Mean: 3}
	var page, text bytes.Buffer
	if err := errors.Join(HTML(&page, Report{}, g), g.Text(&text)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), ">own requests, %</text>") || !strings.Contains(page.String(), ">penalty 6</text>") || !strings.Contains(page.String(), `<td class="n">3.00`) {
		t.Errorf("validators' own requests are drawn or judged as a profit ratio:\n%s", page.String())
	}
	if !strings.Contains(html.UnescapeString(page.String()), w.describe(1)) || !strings.Contains(text.String(), w.describe(1)) {
		t.Errorf("text or page do not say which world was played:\n%s", text.String())
	}
	if _, err := Sensitivity(context.Background(), w, nil, []string{"no-such"}, entries, 1, Runner{}); err == nil {
		t.Error("a parameter that there is not was turned")
	}
}
