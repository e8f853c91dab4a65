package main

import (
	"strings"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/scorer"
)

func TestWhatIsLookedIntoIsPrinted(t *testing.T) {
	var out strings.Builder
	printAccused(&out, nil)
	printAccused(&out, &scorer.AccusedReport{Validator: hotkey.ID{1}, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), E: 4200, Test: "likelihood", Checks: 17})
	want := "  validator " + hotkey.ID{1}.String() + " showed an answer of it that is wanting here too (E 4.2e+03 by likelihood, 2026-03-01 12:00:00 UTC): " +
		"its next 17 answers or so are all checked; else that counts for nothing\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}

func TestAlikeIsPrinted(t *testing.T) {
	var out strings.Builder
	printAlike(&out, []scorer.AlikeReport{
		{Other: hotkey.ID{1}, Times: 3, Log10P: -421.7, Tokens: 128, Request: "req-a", To: "req-b", Last: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
	})
	want := "  answered word for word like " + hotkey.ID{1}.String() + " under other seeds 3 times, last 2026-03-01 12:00:00 UTC; " +
		"the least likely (128 tokens, req-a and req-b) with probability 2.0e-422\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
	out.Reset()
	printAlike(&out, make([]scorer.AlikeReport, 13))
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 11 || lines[10] != "  and like 3 more" {
		t.Errorf("of 13: %q", lines)
	}
}

// The factors that are printed are those by which the mechanism multiplies, and their product is what is said of it.
func TestFactorsAreThoseOfTheMechanism(t *testing.T) {
	c := scorer.ContenderReport{
		Declared: 7200, Capacity: 3044, PeriodScore: 0.7, PeriodMean: 1, HistoryFactor: 0.7, Quality: scorer.QualityReport{Checks: 47, Mean: 1, Speed: 0.9, Combined: 0.9},
		Effective: 1917.909, Share: 0.5, CubedShare: 0.125, PaidTaskWeight: 0.4,
	}
	print := func() string {
		var out strings.Builder
		printFactors(&out, c)
		return out.String()
	}
	four := print()
	c.Hardened = &scorer.Hardened{Ceiling: 7200, Credited: 5281, StdErr: 990, SlowFactor: 0.95, Brevity: 1, ProofFactor: 0.9, Part: 0.75, Paid: 3044.3, Reliability: 1, LastScore: 0.5, Trust: 0.7, TrustedChecks: 60, Audit: 1, AuditLimit: 1e5}
	seven := print()
	c.Hardened.Slashed, c.Hardened.SlashedUntil, c.Effective = true, 36, 0
	for _, want := range []string{"mean 1.0000 over 0 periods x history 0.7000", "cubed and scaled 0.1250", "count here, of 7200"} {
		if !strings.Contains(four, want) || strings.Contains(seven, want) {
			t.Errorf("%q is vision4's:\n%s\n%s", want, four, seven)
		}
	}
	for _, want := range []string{"reliability 1.0000 (the last period's 0.5000) x trust 0.7000 (60 checks passed)", "1917.91 = 0.9000 x 0.7000 x 3044.3\n", "declaring more than is shown 0.9000, coming late 0.7500: 3044.3 are paid", "0.5000 of the task, times", "slashed at 100000"} {
		if !strings.Contains(seven, want) || strings.Contains(four, want) {
			t.Errorf("%q is vision7's:\n%s\n%s", want, seven, four)
		}
	}
	for _, want := range []string{"until period 36 is over", "0.00, and else 0.9000 x 0.7000 x 3044.3"} {
		if text := print(); !strings.Contains(text, want) || strings.Contains(seven, want) {
			t.Errorf("%q is of one that is slashed:\n%s", want, text)
		}
	}
}
