package eval

import (
	"compress/gzip"
	"context"
	"os"
	"testing"
)

// A sample of what `make verification` recorded of SmolLM2-135M-Instruct, at
// temperature 0: the honest stacks that calibrate, one that was held out, and
// cheats. docs/verification.md says how it was made and has the whole.
func smollm2(t *testing.T) *Report {
	f, err := os.Open("testdata/smollm2.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Read(z)
	if err != nil {
		t.Fatal(err)
	}
	src, err := Recorded(list, 0.15)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Run(context.Background(), src, Options{Draws: 100, Lifetimes: 1000, Lifetime: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestRealModel(t *testing.T) {
	report := smollm2(t)
	if len(report.Modes) != 1 || report.Modes[0].Name != modeGreedy || len(report.Calibration) < 3 {
		t.Fatalf("%+v", report)
	}
	m := report.Modes[0]
	if m.FalseConvictions > 0 || m.Most >= 1/falsePositives || m.MeanE > 1 {
		t.Errorf("honest, on a stack held out: %d of %d lifetimes convicted, evidence of %.3g in the mean and %.3g at most",
			m.FalseConvictions, m.Lifetimes, m.MeanE, m.Most)
	}
	// Tokens within which half of those who cheat so must be convicted.
	within := map[string]int{"another model": 64, "2 bits": 64, "3 bits": 200, "4 bits": 600, "6 bits": 600}
	for _, c := range m.Classes {
		limit, ok := within[c.Label]
		if !ok {
			continue
		}
		delete(within, c.Label)
		if c.Tokens == 0 || c.Tokens > limit {
			t.Errorf("%s: convicted after %d tokens in the median, want at most %d", c.Label, c.Tokens, limit)
		}
		if c.Median == 0 || c.MostToken == 0 {
			t.Errorf("%s: some are never convicted", c.Label)
		}
	}
	for label := range within {
		t.Errorf("there are no responses of %s", label)
	}
	// The rule that this replaces sees nothing in most of them.
	for _, c := range m.Classes {
		if c.Label != "2 bits" && c.OldRanks > 0.25 {
			t.Errorf("the old rule's ranks fail %.0f%% of responses of %s: the comparison in docs/verification.md is out of date", 100*c.OldRanks, c.Label)
		}
	}
}
