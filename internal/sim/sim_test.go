package sim

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"vision/internal/score"
)

// small is a world that plays in a tenth of a second.
func small(t *testing.T, mechanism string) World {
	t.Helper()
	m, err := score.Named(mechanism, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := Default(m)
	w.Miners, w.Periods, w.Tasks = 12, 16, Services(2)
	return w
}

func ratio(t *testing.T, w World, name string) float64 {
	t.Helper()
	entries, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Compare(context.Background(), w, entries, 1, Runner{Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	return got[0].Ratio.Mean
}

func TestRunsRepeatBitByBit(t *testing.T) {
	w := small(t, "vision4")
	w.Periods = 6
	w.Cheats, w.Rogues = 0.3, Rogues()
	one, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, two) {
		t.Error("the same world gave two results")
	}
	w.Seed++
	if other, _ := Play(w); reflect.DeepEqual(one, other) {
		t.Error("another seed gave the same result")
	}
}

func TestCustomersAskTheSameWhateverMinersDo(t *testing.T) {
	w := small(t, "vision4")
	w.Periods = 4
	honest, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	w.Protagonist = Declare{20}
	cheat, err := Play(w)
	if err != nil {
		t.Fatal(err)
	}
	if honest.Customers != cheat.Customers {
		t.Errorf("%d requests with an honest protagonist, %d with another", honest.Customers, cheat.Customers)
	}
}

func TestHonestNetworkServesItsCustomers(t *testing.T) {
	r, err := Play(small(t, "vision4"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Success < 0.995 {
		t.Errorf("%.4f of requests were answered", r.Success)
	}
	if r.First50 <= 0 || r.First50 > r.First95 || r.Total50 > r.Total95 || r.First95 > r.Total95 {
		t.Errorf("times to the first output %v and %v, to the whole %v and %v", r.First50, r.First95, r.Total50, r.Total95)
	}
	total := 0.0
	for _, a := range r.Operators {
		total += a.Income
		if a.Cost <= 0 {
			t.Errorf("an operator had no cost: %+v", a)
		}
	}
	if total < 15 || total > 16.000001 {
		t.Errorf("operators earned %v of 16 periods' incentive", total)
	}
}

// What docs/mechanism-vision4.md says of the original: lies about capacity pay, and so does absence.
func TestVision4PaysForLies(t *testing.T) {
	w := small(t, "vision4")
	for _, name := range []string{"declare-5", "shared-tasks-2"} {
		if got := ratio(t, w, name); got < 1.5 {
			t.Errorf("%s earns %.2f of an honest profit under vision4, want at least 1.5", name, got)
		}
	}
	if got := ratio(t, w, "declare-0.5"); got > 0.5 {
		t.Errorf("declaring half earns %.2f of an honest profit, want at most 0.5", got)
	}
}

func TestWorldsAreValidated(t *testing.T) {
	w := small(t, "vision4")
	w.Miners, w.Power, w.Stakes, w.Cheats = 2, 1.5, nil, 0.5
	err := w.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"2 miners", "power is 1.5", "0 validators", "no strategies for the cheats"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %q", err, want)
		}
	}
	if _, err := New(w); err == nil {
		t.Error("New took it")
	}
}

func TestCatalogueHasNamesOnce(t *testing.T) {
	seen := map[string]bool{}
	families := map[string]bool{}
	for _, e := range Catalogue() {
		if seen[e.Name] || e.Name == "" || e.About == "" || e.Make == nil {
			t.Errorf("%q is there twice, or lacks something", e.Name)
		}
		seen[e.Name], families[e.Family] = true, true
	}
	if _, err := Find("no-such"); err == nil {
		t.Error("found what is not there")
	}
	some, err := Find("declaring, merge")
	if err != nil || len(some) < 5 {
		t.Errorf("a family and a name give %d entries, %v", len(some), err)
	}
}

// Every strategy must play without an error of the mechanism's.
func TestEveryStrategyPlays(t *testing.T) {
	w := small(t, "vision4")
	w.Miners, w.Periods, w.Period = 6, 5, 600
	if _, err := Compare(context.Background(), w, Catalogue(), 1, Runner{Parallel: 1}); err != nil {
		t.Error(err)
	}
}

func TestRanks(t *testing.T) {
	if got := ranks([]float64{3, 1, 3, 2}); !reflect.DeepEqual(got, []float64{2.5, 0, 2.5, 1}) {
		t.Errorf("ranks = %v", got)
	}
	if got := correlation([]float64{1, 2, 3}, []float64{2, 4, 6}); got < 0.999999 {
		t.Errorf("correlation = %v", got)
	}
}

// The main claims for vision7, on a network that is small enough for every test run. `make sim` checks the whole catalogue.
func TestVision7PaysForWork(t *testing.T) {
	w := small(t, "vision7")
	w.Periods = 24
	entries, err := Find("declare-5,dribble-3,cheap,cheap-half,on-1-of-2,refuse-organics")
	if err != nil {
		t.Fatal(err)
	}
	list, err := Compare(context.Background(), w, entries, 1, Runner{Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Ratio.Mean > 0.95 {
			t.Errorf("%s earns %.2f of an honest profit under vision7, want at most 0.95", c.Entry.Name, c.Ratio.Mean)
		}
		if r := c.Honest[0]; r.Synthetic > 0.02 || r.Success < 0.995 {
			t.Errorf("an honest network answers %.4f of its customers' requests, and %.4f of its capacity goes to validators' own", r.Success, r.Synthetic)
		}
	}
}

// Where answers take hardly longer than the overhead that their task grants, lies about capacity must not pay either.
func TestShortAnswersHideNoLies(t *testing.T) {
	w := small(t, "vision7")
	w.Miners, w.Periods, w.Period = 8, 15, 600
	w.Tasks = []Service{{Name: "short", Weight: 1, Units: 20, Spread: 0.3, PerUnit: 0.02, Prompt: 0.1}} // 0.5 s alone
	honest, lies := ratio(t, w, "honest"), ratio(t, w, "declare-5")
	if lies >= honest || lies >= 0.5 {
		t.Errorf("declaring five times has a profit ratio of %.2f, honesty of %.2f", lies, honest)
	}
}
