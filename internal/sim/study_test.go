package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"vision/internal/score"
)

func tiny(t *testing.T) World {
	t.Helper()
	w := small(t, "vision7")
	w.Miners, w.Periods, w.Period = 6, 6, 900
	return w
}

func TestReportsInTextAndOnAPage(t *testing.T) {
	w := tiny(t)
	entries, err := Find("honest,declare-5")
	if err != nil {
		t.Fatal(err)
	}
	report, err := Study{World: w, Mechanisms: []score.Mechanism{score.Vision4{}, w.Mechanism}, Entries: entries, Seeds: 2, Runner: Runner{Parallel: 2}, Population: true}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != 2 || len(report.Rows[1].Profit) != 2 || len(report.Rows[1].Profit[1].Values) != 2 || len(report.People) != 4 {
		t.Fatalf("the report lacks something: %+v", report)
	}
	var text, page bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, report, Grid{Title: "a grid", Corner: "ROW", Columns: []string{"c"}, Rows: []string{"r"}, Cells: [][]Interval{{{Mean: 1.5}}}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"declare-5", "vision4", "vision7", "rank correlation"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(page.String(), want) {
			t.Errorf("%q is missing from the text or the page", want)
		}
	}
	for _, external := range []string{"http://", "https://", "src=", "@import", "url("} {
		if strings.Contains(page.String(), external) {
			t.Errorf("the page has %q: it must load nothing", external)
		}
	}
	// The charts must be well-formed by themselves.
	for rest := page.String(); ; {
		from := strings.Index(rest, "<svg")
		if from < 0 {
			break
		}
		to := strings.Index(rest, "</svg>") + len("</svg>")
		d := xml.NewDecoder(strings.NewReader(rest[from:to]))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("a chart is not well-formed: %v", err)
			}
		}
		rest = rest[to:]
	}
}

func TestThePageTellsWhatIsSure(t *testing.T) {
	for _, c := range []struct {
		mean, radius float64
		want         string
	}{{0.9, 0.05, "below"}, {1.01, 0, "below"}, {1.01, 0.005, "above"}, {1.01, 0.5, "below"}, {1.5, 0.6, "unsure"}, {1.5, 0.4, "above"}, {1.5, 0, "above"}, {-2, 5, "below"}} {
		if got := (Interval{Mean: c.mean, Radius: c.radius}).class(); got != c.want {
			t.Errorf("%v ± %v is %q, want %q", c.mean, c.radius, got, c.want)
		}
	}
	var page bytes.Buffer
	err := HTML(&page, Report{Mechanisms: []string{"vision7"}, Rows: []Row{{Strategy: "x", Family: "y", Profit: []Interval{{Mean: 1.5, Radius: 0.6}}}}})
	if err != nil || !strings.Contains(page.String(), `<g class="unsure">`) || !strings.Contains(page.String(), `class="n unsure"`) {
		t.Errorf("error %v, a page that does not say that 1.5 ± 0.6 may be chance", err)
	}
}

// In few periods an honest twin may earn nothing, and then there is nothing to compare with.
func TestSeedsInWhichTheTwinEarnsNothingHaveNoRatio(t *testing.T) {
	result := func(income float64) Result {
		return Result{Operators: []Account{{Income: income, Cost: 1}, {Income: income, Cost: 1}}}
	}
	c := Comparison{Honest: []Result{result(0), result(1)}, Runs: []Result{result(1), result(1)}}
	c.judge(0.5)
	some := c.Ratio.interval()
	c = Comparison{Honest: []Result{result(0)}, Runs: []Result{result(1)}}
	c.judge(0.5)
	none := c.Ratio.interval()
	if !math.IsNaN(some.Values[0]) || some.Mean != some.Values[1] || some.Radius != 0 || !math.IsNaN(none.Mean) {
		t.Errorf("ratios %+v and %+v, want one seed's and none", some, none)
	}
	if none.String() != "-" || some.String() != fmt.Sprintf("%.2f", some.Mean) {
		t.Errorf("in words %s and %s", none, some)
	}
	if !some.above(none) || none.above(some) || none.above(none) {
		t.Error("no ratio is as good as one")
	}
	text, err := json.Marshal([]Interval{none, some})
	var back []Interval
	if err != nil || !strings.HasPrefix(string(text), `[{"mean":null,"radius":0,"values":[null]},`) || json.Unmarshal(text, &back) != nil || back[1].Mean != some.Mean {
		t.Errorf("in JSON %s, error %v", text, err)
	}
	r := Report{Mechanisms: []string{"vision7"}, Rows: []Row{{Strategy: "x", Profit: []Interval{none}}}}
	if err := r.Check(); err == nil || !strings.Contains(err.Error(), "x has no profit ratio") {
		t.Errorf("error %v of a strategy that was not compared", err)
	}
	var page bytes.Buffer
	if err := HTML(&page, r); err != nil || strings.Contains(page.String(), "NaN") {
		t.Errorf("error %v, a page with NaN in it", err)
	}
}

// A chart compares what is many: the parameters of one strategy, not one parameter of all.
func TestGridsAreDrawnAlongTheirLongerSide(t *testing.T) {
	cells := [][]Interval{{{Mean: 1}}, {{Mean: 2}}, {{Mean: 3}}}
	tall := Grid{Columns: []string{"a"}, Rows: []string{"p", "q", "r"}, Cells: cells}
	wide := Grid{Columns: []string{"p", "q", "r"}, Rows: []string{"a"}, About: []string{"it is a"}, Cells: [][]Interval{{{Mean: 1}, {Mean: 2}, {Mean: 3}}}}
	for about, g := range map[string]Grid{"": tall, "it is a": wide} {
		if f := g.figures(0); len(f) != 1 || f[0].Name != "a" || f[0].About != about || strings.Count(string(f[0].Chart), "<circle")+strings.Count(string(f[0].Chart), "<path") != 3 {
			t.Errorf("%d rows, %d columns: %+v, want one chart of 3 marks", len(g.Rows), len(g.Columns), f)
		}
	}
}

func TestEveryPartTurnsOff(t *testing.T) {
	w := tiny(t)
	entries, _ := Find("declare-5")
	g, err := Ablate(context.Background(), w, nil, Parts(), entries, 1, Runner{Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for i := range g.Rows[1:] {
		if g.Cells[i+1][0].Mean == g.Cells[0][0].Mean {
			same++
			t.Logf("%s makes no difference", g.Rows[i+1])
		}
	}
	if len(g.Rows) != len(Parts()) || same > 3 { // some parts only show with cheaper models
		t.Errorf("%d parts of %d make no difference at all", same, len(g.Rows))
	}
	if declared := g.Cells[1][0].Mean; declared < 2*max(g.Cells[0][0].Mean, 0.5) {
		t.Errorf("with what is declared credited, declaring five times pays %.2f", declared)
	}
}

func TestSweepsTurnDialsAndParameters(t *testing.T) {
	w := tiny(t)
	for _, dial := range []string{"declare", "favour", "power", "reveal", "pooling", "load", "penalty"} {
		entries, _ := Find("declare-5")
		g, err := Sweep(context.Background(), w, "vision7", nil, dial, []float64{0.5, 1}, entries, 1, Runner{Parallel: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Columns) != 2 || len(g.Rows) != len(g.Cells) || len(g.Cells[0]) != 2 {
			t.Errorf("%s: a grid of %d by %d", dial, len(g.Cells), len(g.Columns))
		}
	}
	if _, err := Sweep(context.Background(), w, "vision7", nil, "no-such", []float64{1}, nil, 1, Runner{Parallel: 1}); err == nil {
		t.Error("a parameter that there is not was swept")
	}
}

func TestSearchFindsThatLyingPaysUnderVision4(t *testing.T) {
	w := tiny(t)
	w.Mechanism = score.Vision4{}
	found, err := Search(context.Background(), w, 8, 1, Runner{Parallel: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found.Trained.Mean < 1.2 || found.Tries != 8 || found.Genes == "" {
		t.Errorf("found %+v", found)
	}
	again, err := Search(context.Background(), w, 8, 1, Runner{Parallel: 1}, nil)
	if err != nil || again.Strategy != found.Strategy {
		t.Errorf("the same search found another strategy, error %v", err)
	}
}

func TestExceptionsAreInTheCatalogue(t *testing.T) {
	for name, x := range Exceptions {
		if list, err := Find(name); err != nil || len(list) != 1 || x.Most <= 1 || x.Why == "" {
			t.Errorf("%s: %v, %+v", name, err, x)
		}
	}
}

func TestChecksOfReports(t *testing.T) {
	interval := func(mean float64) Interval { return Interval{Mean: mean, Radius: 0.05, Values: []float64{mean, mean}} }
	good := Community{Mechanism: "vision7", Success: interval(1), Rank: interval(1)}
	r := Report{Mechanisms: []string{"vision4", "vision7"}, Rows: []Row{{Strategy: "x", Family: "y", Profit: []Interval{interval(9), interval(1.02)}}}, People: []Community{good}}
	if err := r.Check(); err != nil {
		t.Errorf("a good report: %v", err)
	}
	r.Rows[0].Profit[1] = interval(1.3)
	r.People[0].Success, r.People[0].Synthetic, r.People[0].Rank = interval(0.9), interval(0.03), interval(0.5)
	err := r.Check()
	for _, want := range []string{"x has a profit ratio", "requests were answered", "3.00% of capacity", "rank correlation"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}
