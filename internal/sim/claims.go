package sim

import (
	"errors"
	"fmt"
	"slices"
)

// Exceptions are the strategies that pay, or may pay, under vision7 although
// they should not, each with the most that its ratio may come to and why.
// docs/simulation.md says what would close them.
var Exceptions = map[string]struct {
	Most float64
	Why  string
}{}

// Check says which claims of docs/simulation.md the report breaks under
// vision7: every strategy earns less than an honest twin, unless it is one of
// the Exceptions; customers are served; the honest are paid by their work. A
// ratio counts as too large when its whole interval is.
func (r Report) Check() error {
	m := slices.Index(r.Mechanisms, "vision7")
	if m < 0 {
		return errors.New("sim: nothing to check: vision7 was not played")
	}
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for _, row := range r.Rows {
		p := row.Profit[m]
		most := 1.0
		if x, ok := Exceptions[row.Strategy]; ok {
			most = x.Most
		}
		if row.Family != "honest" && p.Mean-p.Radius > most {
			fail("%s has a profit ratio of %s, want at most %.2f", row.Strategy, p, most)
		}
	}
	for _, c := range r.People {
		if c.Mechanism != "vision7" {
			continue
		}
		if c.Success.Mean < 0.995 {
			fail("%.2f%% of customers' requests were answered, want 99.5%% (%s cheat)", 100*c.Success.Mean, percent(c.Cheats))
		}
		if c.Synthetic.Mean > 0.02 {
			fail("validators' own requests take %.2f%% of capacity, want at most 2%%", 100*c.Synthetic.Mean)
		}
		least := 0.95
		if c.Cheats > 0 {
			least = 0.9
			if c.Take.Mean > c.Value.Mean/5 {
				fail("cheats take %.1f%% of the income for %.1f%% of the useful work, want at most a fifth of that", 100*c.Take.Mean, 100*c.Value.Mean)
			}
		}
		if c.Rank.Mean < least {
			fail("the rank correlation of useful work and income is %.3f, want %.2f (%s cheat)", c.Rank.Mean, least, percent(c.Cheats))
		}
	}
	return errors.Join(wrong...)
}
