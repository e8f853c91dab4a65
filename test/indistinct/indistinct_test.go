package indistinct

import (
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bound is what no classifier may do better than.
const bound = 0.55

// TestProbesCannotBeTold: nothing in how a probe is made, sent or answered for tells a
// miner that it is one: neither its fields and their order, nor headers, nor
// connections. Longer runs (make indistinct; VISION_INDISTINCT is how many requests of
// each sort) want the same of texts, lengths, parameters and cadence where customers agreed
// that probes are made of what they ask. docs/verification.md says how far that holds.
// What chance explains is allowed for.
func TestProbesCannotBeTold(t *testing.T) {
	want, err := strconv.Atoi(os.Getenv("VISION_INDISTINCT"))
	if err != nil {
		report(t, run(t, traffic{want: 300, learn: true}), func(g group) bool { return g.mark })
		return
	}
	for _, c := range []struct {
		name string
		how  traffic
		must func(g group) bool
	}{
		{"learned from customers", traffic{want: want, learn: true}, func(group) bool { return true }},
		{"learned, some customers in bursts", traffic{want: want, learn: true, bursts: true}, func(g group) bool { return !g.timed }},
		{"a file of the operator's", traffic{want: want, corpus: true}, func(g group) bool { return g.mark }},
		{"made up", traffic{want: want}, func(g group) bool { return g.mark }},
	} {
		t.Run(c.name, func(t *testing.T) { report(t, run(t, c.how), c.must) })
	}
}

// report says how well each group's classifier does, and fails where one that
// must not does better than the bound and chance explain.
func report(t *testing.T, seen []seen, must func(g group) bool) {
	t.Helper()
	probes := 0
	for _, x := range seen {
		if x.probe {
			probes++
		}
	}
	t.Logf("%d requests, of them %d probes", len(seen), probes)
	for _, g := range groups {
		auc, n := aucOf(seen, g)
		t.Logf("%-32s AUC %.3f, %d requests, chance ±%.3f", g.name, auc, n, margin(n/2))
		if most := bound + 1.5*margin(n/2); must(g) && !(auc <= most) {
			t.Errorf("%s: AUC %.3f, want at most %.2f, %.3f with chance", g.name, auc, bound, most)
		}
	}
}
