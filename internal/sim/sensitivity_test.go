package sim

import (
	"context"
	"slices"
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
	if _, err := Sensitivity(context.Background(), w, nil, []string{"no-such"}, entries, 1, Runner{}); err == nil {
		t.Error("a parameter that there is not was turned")
	}
}
