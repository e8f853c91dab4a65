package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"vision/internal/checker/evidence"
	"vision/internal/refmodel"
)

// A small evaluation on the built-in model: honest miners live, plain cheats are
// convicted, the same twice, and the same from recordings of it.
func TestEvaluation(t *testing.T) {
	t.Parallel()
	o := Options{Draws: 20, Lifetimes: 50, Lifetime: 60, Seed: 3, Conservative: true}
	var raw bytes.Buffer
	src := &only{&Builtin{Honest: 6, Cheats: 3, Tokens: 48, Seed: 3}, []string{"2 bits", "another model", "8 bits", "malformed stream"}}
	if err := src.Open(); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), Recording(src, &raw), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Modes) != 3 {
		t.Fatalf("%d modes", len(report.Modes))
	}
	for _, m := range report.Modes {
		if m.FalseConvictions != 0 || m.MeanE > 1 || m.Responses != 6 {
			t.Errorf("%s: %+v", m.Name, m)
		}
		for _, c := range m.Classes {
			switch c.Label {
			case "2 bits", "another model":
				if c.Median == 0 || c.Median > 8 || c.Found[3] < 1 {
					t.Errorf("%s, %s: %+v", m.Name, c.Label, c)
				}
			case "malformed stream":
				if c.Median != 1 || c.Most != 1 {
					t.Errorf("%s, %s: %+v", m.Name, c.Label, c)
				}
			}
		}
	}
	list, err := Read(&raw)
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * (6 + 4*3); len(list) != want {
		t.Errorf("%d recordings, want %d", len(list), want)
	}
	recorded, err := Recorded(list, src.Noise())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Run(t.Context(), recorded, o)
	if err != nil || len(again.Modes) != 3 || again.Check() != nil {
		t.Errorf("recorded: %v, %v, %+v", err, again.Check(), again)
	}
	if err := report.Check(); err != nil {
		t.Error(err)
	}
	bad := *report
	bad.Modes = slices.Clone(report.Modes)
	bad.Modes[1].FalseConvictions = 1
	if err := bad.Check(); err == nil || !strings.Contains(err.Error(), "convicted") {
		t.Errorf("an honest conviction: %v", err)
	}
	var text, markdown bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := report.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"another model", "mean E", "old: ranks"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(markdown.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	first, _ := json.Marshal(withoutTimes(report))
	if err := src.Open(); err != nil {
		t.Fatal(err)
	}
	if report, err = Run(t.Context(), src, o); err != nil {
		t.Fatal(err)
	}
	if second, _ := json.Marshal(withoutTimes(report)); !bytes.Equal(first, second) {
		t.Errorf("two runs differ:\n%s\n%s", first, second)
	}
}

func withoutTimes(r *Report) *Report {
	for i := range r.Modes {
		r.Modes[i].CostPerToken = 0
	}
	return r
}

// only leaves out what a small test has no time for.
type only struct {
	*Builtin
	labels []string
}

func (o *only) Test(ctx context.Context, yield func(*Response) error) error {
	for _, set := range settings {
		for _, c := range append([]class{runs(Honest, refmodel.Full)}, classes()...) {
			n := o.Cheats
			if c.label == Honest {
				n = o.Honest
			} else if !slices.Contains(o.labels, c.label) {
				continue
			}
			for i := range n {
				if err := o.one(ctx, c, "", set, split*i, yield); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Each cheat is what its label says: an answer that the checker reads, or
// finds malformed where that is the cheat.
func TestCheatsAnswer(t *testing.T) {
	t.Parallel()
	b := &Builtin{Tokens: 12, Seed: 1}
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range classes() {
		if seen[c.label] {
			t.Errorf("two cheats are called %q", c.label)
		}
		seen[c.label] = true
		if err := b.one(t.Context(), c, "", settings[1], 0, func(r *Response) error {
			switch {
			case r.Guilt == "malformed" != (c.label == "malformed stream"):
				t.Errorf("%s: guilt %q", c.label, r.Guilt)
			case r.Guilt == "" && (len(r.Positions) == 0 || len(r.Positions) > 13 || r.Positions[0].Claimed == nil || r.Positions[0].Rank == 0):
				t.Errorf("%s: %+v", c.label, r)
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", c.label, err)
		}
	}
	if p, q := question(1, 4), question(1, 5); p == q || !reflect.DeepEqual(p, question(1, 4)) {
		t.Errorf("prompts %q and %q", p, q)
	}
}

// A miner that keeps its answers writes them again under another seed; an honest
// one writes others. Only how the two compare tells them apart where the sampler is not known.
func TestAnswersUnderOtherSeedsAreCompared(t *testing.T) {
	t.Parallel()
	b := &Builtin{Tokens: 48, Seed: 4}
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	all := classes()
	keeps := all[slices.IndexFunc(all, func(c class) bool { return c.label == "same answer to every seed" })]
	honest := runs(Honest, refmodel.Full)
	honest.again = true
	bounds := evidence.Bounds{Noise: b.Noise()}
	for _, c := range []class{keeps, honest} {
		for i := range 3 {
			if err := b.one(t.Context(), c, "", settings[2], split*i, func(r *Response) error {
				without := *r
				without.Earlier = nil
				e, alone := judge(r, &bounds).e, judge(&without, &bounds).e
				whole := r.Earlier != nil && r.Earlier.Same == len(r.Positions) && len(r.Earlier.Logprobs) == len(r.Positions)
				if c.label == Honest && (whole || e > alone) || c.label != Honest && !(whole && e > 500*alone) {
					t.Errorf("%s: evidence %v, %v without what came earlier, %+v", c.label, e, alone, r.Earlier)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
