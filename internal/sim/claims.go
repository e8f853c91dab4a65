package sim

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Exception is a strategy that may earn more than honesty does.
type Exception struct {
	Most float64 // its ratio at most
	Why  string
}

// Exceptions are the strategies that pay, or may pay, under vision7 although
// they should not. docs/simulation.md says by how much and what would close each.
var Exceptions = map[string]Exception{
	"cheap-1%":       {5, "checks that see a cheaper model once in a hundred times are too weak"},
	"cheap-2%":       {2, "checks that see it once in fifty times are about where it begins to pay"},
	"split-4":        {1.1, "it does not pay, 0.90 ± 0.10 with 48 seeds; but one of the first three has small identities known long before large ones, and 2.1"},
	"copy-weights":   {1.6, "as a network is founded, validators with little stake know miners later than consensus does"},
	"copy-settled":   {1.25, "a validator's dividends need no checks of its own, and consensus lies in the middle of what validators see"},
	"copy-revealed":  {1.25, "the same: what miners can do hardly changes from one period to the next"},
	"bribe-25":       {1.25, "consensus is a median, which validators can push a little, and what they lose by that is less"},
	"bribe-45":       {1.35, "the same"},
	"cartel-55":      {1.2, "who has most of the stake makes consensus"},
	"relay-network":  {4, "customers' price is below what an idle GPU costs: a relay needs none"},
	"relay-api":      {5, "the same, of an outside API that serves the task's own model"},
	"overflow-api":   {12, "an outside API that serves the task's own model is capacity at a beacon"},
	"predict-loaded": {4, "who foresees beacons rents GPUs for minutes that others have all day"},
	"predict":        {9, "who foresees beacons has GPUs for minutes where others have them all day"},
	"queue-honest":   {1.3, "it is honest, and refuses fewer: a refused request costs reliability"},
	"dribble-honest": {1.4, "the same"},
	"searched":       {1.5, "it cheapens so seldom that the rate of failed checks stays about what is tolerated: docs/simulation.md has it with 24 seeds"},
	"rent-bursts":    {10, "GPUs that are there within no time are capacity, whatever else they do between"},
}

// cheatsTake is the most that cheats may earn, as a part of what their useful work is worth, where a third of
// the operators cheat. The aim is 0.2, which larger and longer runs keep than `make sim` plays; docs/simulation.md says who earns it.
const cheatsTake = 0.25

// unsure is how far above its limit the mean of a few seeds may lie by chance.
const unsure = 0.25

// Check says which claims of docs/simulation.md the report breaks under
// vision7: every strategy earns less than an honest twin, unless it is one of
// the Exceptions; customers are served; the honest are paid by their work. A
// ratio counts as too large when its whole interval is, or its mean is by more than unsure.
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
		if math.IsNaN(p.Mean) {
			fail("%s has no profit ratio: the honest twin earned nothing on any seed", row.Strategy)
		}
		if row.Family != "honest" && (p.Mean > most+unsure || p.Radius > 0 && p.Mean-p.Radius > most) {
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
			if c.Take.Mean > cheatsTake*c.Value.Mean {
				fail("cheats take %.1f%% of the income for %.1f%% of the useful work, want at most %g of that", 100*c.Take.Mean, 100*c.Value.Mean, cheatsTake)
			}
		}
		if !(c.Rank.Mean+c.Rank.Radius >= least) {
			fail("the rank correlation of useful work and income is %.3f, want %.2f (%s cheat)", c.Rank.Mean, least, percent(c.Cheats))
		}
	}
	return errors.Join(wrong...)
}
