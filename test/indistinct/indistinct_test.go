package indistinct

import (
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bound is what no classifier may do better than, and sure how many standard
// deviations of guessing more it takes to say that one does. Cross-validated AUCs of nothing scatter
// by up to twice as much as independent guesses would, so that 5 are few enough to be seldom exceeded:
// with the bound's distance from 0.5 it is 4 of theirs or more.
const (
	bound = 0.55
	sure  = 5
)

// TestProbesCannotBeTold: nothing in what a probe says, how it is made, sent or answered for tells a
// miner that it is one, where customers agreed that probes are made of what they ask. Longer runs
// (make indistinct; VISION_INDISTINCT is how many requests of each sort) look at when they come as well,
// beside customers that come alone and in bursts, and at probes made otherwise, for which less holds.
// docs/verification.md has the figures.
func TestProbesCannotBeTold(t *testing.T) {
	all := func(group) bool { return true }
	marks := func(g group) bool { return g.mark }
	want, err := strconv.Atoi(os.Getenv("VISION_INDISTINCT"))
	if racing { // checks are so slow then that little is learned: what is looked for are races
		report(t, run(t, traffic{want: 60, learn: true}), marks)
		return
	}
	if err != nil { // a machine that is busy with other tests keeps no time
		report(t, run(t, traffic{want: 300, learn: true}), func(g group) bool { return !g.timed })
		return
	}
	for _, c := range []struct {
		name string
		how  traffic
		must func(g group) bool
	}{
		{"learned from customers", traffic{want: want, learn: true}, all},
		{"learned, some customers in bursts", traffic{want: want, learn: true, bursts: true}, all},
		{"learned, and used often", traffic{want: want, learn: true, often: true}, marks},
		{"a file of the operator's", traffic{want: want, corpus: true}, marks},
		{"made up", traffic{want: want}, marks},
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
	for _, c := range []struct {
		what  string
		same  bool
		owned []int
	}{{"twins at the same miner", true, []int{0, 1, 2, 3}}, {"twins, to an owner of two", false, []int{0, 1}}, {"twins, to an owner of all", false, []int{0, 1, 2, 3}}} {
		auc, n := ownerAUC(seen, c.same, c.owned...)
		t.Logf("%-32s AUC %.3f, %d requests, chance ±%.3f", c.what, auc, n, 2*deviation(n/2))
		if most := pairing + sure*deviation(n/2); must(group{timed: true}) && !(auc <= most) {
			t.Errorf("%s: AUC %.3f, want at most %.2f, %.3f with chance", c.what, auc, pairing, most)
		}
	}
	for _, g := range groups {
		auc, n := aucOf(seen, g)
		t.Logf("%-32s AUC %.3f, %d requests, chance ±%.3f", g.name, auc, n, 2*deviation(n/2))
		if most := bound + sure*deviation(n/2); must(g) && !(auc <= most) {
			t.Errorf("%s: AUC %.3f, want at most %.2f, %.3f with chance", g.name, auc, bound, most)
		}
	}
}
