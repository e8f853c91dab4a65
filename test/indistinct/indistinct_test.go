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

// TestProbesCannotBeTold: where customers agreed that probes are made of what they
// ask, a miner knows them from customers' requests by nothing that it sees. A
// short run is not exact: what chance explains is allowed for. make indistinct
// runs longer ones, with what is made up and an operator's file beside them.
func TestProbesCannotBeTold(t *testing.T) {
	report(t, run(t, traffic{want: 500, learn: true}), func(group, float64) bool { return true })
}

// TestLongRuns takes VISION_INDISTINCT requests of each sort in each run; it is
// what make indistinct runs.
func TestLongRuns(t *testing.T) {
	want, _ := strconv.Atoi(os.Getenv("VISION_INDISTINCT"))
	if want == 0 {
		want = 60 // the harness works
	}
	long := want > 60
	for _, c := range []struct {
		name string
		how  traffic
		must func(g group) bool
	}{
		{"learned from customers", traffic{want: want, learn: true}, func(group) bool { return true }},
		{"learned, some customers in bursts", traffic{want: want, learn: true, bursts: true}, func(g group) bool { return g.name != "cadence" && g.values != nil && g.name != "all numbers together" }},
		{"a file of the operator's", traffic{want: want, corpus: true}, func(g group) bool { return g.mark }},
		{"made up", traffic{want: want}, func(g group) bool { return g.mark }},
	} {
		if !long && c.name != "made up" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			report(t, run(t, c.how), func(g group, _ float64) bool { return long && c.must(g) })
		})
	}
}

// report says how well each group's classifier does, and fails where one that
// must not does better than the bound.
func report(t *testing.T, seen []seen, must func(g group, auc float64) bool) {
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
		if must(g, auc) && !(auc <= bound+1.5*margin(n/2)) {
			t.Errorf("%s: AUC %.3f, want at most %.2f and what chance explains (%.3f)", g.name, auc, bound, 1.5*margin(n/2))
		}
	}
}
