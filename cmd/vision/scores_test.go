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
	printAccused(&out, &scorer.AccusedReport{Validator: hotkey.ID{1}, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local), E: 4200, Test: "likelihood", Checks: 17})
	want := "  validator " + hotkey.ID{1}.String() + " showed an answer of it that is wanting here too (E 4.2e+03 by likelihood, 2026-03-01 12:00:00): " +
		"its next 17 answers or so are all checked; else that counts for nothing\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}

func TestAlikeIsPrinted(t *testing.T) {
	var out strings.Builder
	printAlike(&out, []scorer.AlikeReport{
		{Other: hotkey.ID{1}, Times: 3, Log10P: -421.7, Tokens: 128, Request: "req-a", To: "req-b", Last: time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)},
	})
	want := "  answered word for word like " + hotkey.ID{1}.String() + " under other seeds 3 times, last 2026-03-01 12:00:00; " +
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
