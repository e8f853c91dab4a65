package score

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

func miner(n int) hotkey.ID { return hotkey.ID{byte(n), byte(n >> 8), 0x5c} }

// steady is evidence of a miner with full history whose every answer was good.
func steady(id hotkey.ID, capacity int64, quality float64) Evidence {
	e := Evidence{Hotkey: id, Declared: capacity, Capacity: capacity, Checks: []Check{{Quality: quality, Speed: 1}}}
	for i := range 8 {
		e.History = append(e.History, Period{Number: int64(8 - i), Counts: Counts{
			Requests: 10, OK: 10, Consumed: 100, Declared: capacity,
		}})
	}
	return e
}

func genEvidence(id hotkey.ID) *rapid.Generator[Evidence] {
	return rapid.Custom(func(t *rapid.T) Evidence {
		e := Evidence{
			Hotkey:   id,
			Declared: rapid.Int64Range(0, math.MaxInt64).Draw(t, "declared"),
			Capacity: rapid.OneOf(rapid.Int64Range(0, 1e6), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "capacity"),
			Checks: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Check {
				return Check{
					Quality: rapid.Float64Range(0, 1).Draw(t, "quality"),
					Speed:   rapid.Float64Range(0, MaxSpeed).Draw(t, "speed"),
				}
			}), 0, 60).Draw(t, "checks"),
		}
		for i := range rapid.IntRange(0, 12).Draw(t, "periods") {
			c := Counts{
				OK:          rapid.IntRange(0, 50).Draw(t, "ok"),
				RateLimited: rapid.IntRange(0, 50).Draw(t, "rate limited"),
				Failed:      rapid.IntRange(0, 50).Draw(t, "failed"),
				Consumed:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "consumed"),
				Declared:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "declared then"),
			}
			c.Requests = c.OK + c.RateLimited + c.Failed
			e.History = append(e.History, Period{Number: int64(100 - i), Counts: c})
		}
		return e
	})
}

func genTasks(t *rapid.T) []taskEvidence {
	n := rapid.IntRange(1, 4).Draw(t, "tasks")
	tasks := make([]taskEvidence, n)
	left := 1.0
	for i := range tasks {
		w := left
		if i < n-1 {
			w = left * rapid.Float64Range(0, 1).Draw(t, "weight")
		}
		left -= w
		tasks[i] = taskEvidence{Name: fmt.Sprint("task-", i), Weight: w}
		for m := range 6 {
			if rapid.Bool().Draw(t, "contends") {
				tasks[i].Contenders = append(tasks[i].Contenders, genEvidence(miner(m)).Draw(t, "evidence"))
			}
		}
	}
	return tasks
}

func mustWeights(t interface {
	Helper()
	Fatal(...any)
}, tasks []taskEvidence) Outcome {
	t.Helper()
	out, err := weigh(tasks)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func weightOf(out Outcome, id hotkey.ID) float64 {
	e, _ := out.Explain(id)
	return e.Weight
}

func TestWeightsAreADistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := mustWeights(t, genTasks(t))
		var total sum
		earning := false
		for i, w := range out.Weights {
			if !(w.Weight >= 0 && w.Weight <= 1) {
				t.Fatalf("miner %d weighs %v", i, w.Weight)
			}
			if i > 0 && out.Weights[i-1].Hotkey.Compare(w.Hotkey) >= 0 {
				t.Fatalf("weights are not in the order of hotkeys")
			}
			total.add(w.Weight)
			e, ok := out.Explain(w.Hotkey)
			if !ok {
				t.Fatalf("miner %d has a weight but no explanation", i)
			}
			for _, f := range e.Tasks {
				earning = earning || f.EffectiveVolume > 0 && f.TaskWeight > 0
			}
		}
		switch got := total.value(); {
		case earning && !same(got, 1):
			t.Fatalf("weights sum to %v, want 1", got)
		case !earning && got != 0:
			t.Fatalf("nobody earns, yet weights sum to %v", got)
		}
	})
}

func TestWeightsDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := genTasks(t)
		before := mustWeights(t, tasks)
		shuffled := slices.Clone(tasks)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shuffle"), 1))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for i := range shuffled {
			c := slices.Clone(shuffled[i].Contenders)
			r.Shuffle(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
			shuffled[i].Contenders = c
		}
		after := mustWeights(t, shuffled)
		if diff := cmp.Diff(before, after, cmp.AllowUnexported(Outcome{}, taskFactors{})); diff != "" {
			t.Fatalf("another order gives other numbers:\n%s", diff)
		}
	})
}

func TestMoreQualityReliabilityOrCapacityNeverEarnsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := genTasks(t)
		ti := rapid.IntRange(0, len(tasks)-1).Draw(t, "task")
		if len(tasks[ti].Contenders) == 0 {
			return
		}
		ci := rapid.IntRange(0, len(tasks[ti].Contenders)-1).Draw(t, "contender")
		before := mustWeights(t, tasks)

		tasks[ti].Contenders = slices.Clone(tasks[ti].Contenders)
		e := &tasks[ti].Contenders[ci]
		how := rapid.SampledFrom([]string{"quality", "period score", "capacity"}).Draw(t, "better")
		switch how {
		case "quality":
			e.Checks = slices.Clone(e.Checks)
			for i := range e.Checks {
				e.Checks[i].Quality += (1 - e.Checks[i].Quality) / 2
			}
		case "period score":
			e.History = slices.Clone(e.History)
			for i := range e.History {
				e.History[i].OK += e.History[i].Failed
				e.History[i].Failed = 0
			}
		case "capacity":
			e.Capacity += (math.MaxInt64 - e.Capacity) / 2
		}
		after := mustWeights(t, tasks)
		old, new := before.tasks[ti].find(e.Hotkey).CubedShare, after.tasks[ti].find(e.Hotkey).CubedShare
		if new < old-1e-12 {
			t.Fatalf("better %s lowered the share from %v to %v", how, old, new)
		}
		// With everyone earning on every task nothing is spread, and the weight follows the share.
		if before.tasks[ti].earned == after.tasks[ti].earned {
			if old, new := weightOf(before, e.Hotkey), weightOf(after, e.Hotkey); new < old-1e-12 {
				t.Fatalf("better %s lowered the weight from %v to %v", how, old, new)
			}
		}
	})
}

func (t taskFactors) find(id hotkey.ID) Factors {
	for _, f := range t.contenders {
		if f.Hotkey == id {
			return f
		}
	}
	return Factors{}
}

func TestMinersOnOtherTasksDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chat := taskEvidence{Name: "chat", Weight: 0.6, Contenders: []Evidence{steady(miner(1), 500, 0.9), steady(miner(2), 400, 1)}}
		image := taskEvidence{Name: "image", Weight: 0.4, Contenders: []Evidence{steady(miner(3), 500, 0.9)}}
		before := mustWeights(t, []taskEvidence{chat, image})
		for m := range rapid.IntRange(0, 5).Draw(t, "newcomers") {
			image.Contenders = append(image.Contenders, genEvidence(miner(10+m)).Draw(t, "evidence"))
		}
		after := mustWeights(t, []taskEvidence{chat, image})
		for m := 1; m <= 2; m++ {
			if a, b := weightOf(before, miner(m)), weightOf(after, miner(m)); a != b {
				t.Fatalf("miner %d on chat weighed %v, and %v with newcomers on image", m, a, b)
			}
		}
	})
}

func TestExplanationAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := genTasks(t)
		out := mustWeights(t, tasks)
		for _, task := range tasks {
			var cubed sum
			for _, f := range out.Task(task.Name) {
				cubed.add(f.CubedShare)
			}
			if c := cubed.value(); c != 0 && !same(c, 1) {
				t.Fatalf("cubed shares of %s sum to %v", task.Name, c)
			}
		}
		for _, w := range out.Weights {
			e, _ := out.Explain(w.Hotkey)
			var total sum
			for _, f := range e.Tasks {
				total.add(f.Contribution)
				var mean sum
				for _, p := range f.Periods {
					mean.add(p.Weight * p.Score)
				}
				if !same(f.History.Score, mean.value()*f.History.Factor) {
					t.Fatalf("history %+v does not follow from its periods %+v", f.History, f.Periods)
				}
				if ev := f.Quality.Combined * f.History.Score * float64(f.Capacity); !same(f.EffectiveVolume, ev) {
					t.Fatalf("effective volume %v, factors give %v", f.EffectiveVolume, ev)
				}
				if !same(f.Contribution, f.CubedShare*f.PaidTaskWeight) {
					t.Fatalf("contribution %v, factors give %v", f.Contribution, f.CubedShare*f.PaidTaskWeight)
				}
			}
			if !same(total.value(), w.Weight) {
				t.Fatalf("contributions sum to %v, the weight is %v", total.value(), w.Weight)
			}
		}
	})
}

func TestExplainOfAStranger(t *testing.T) {
	out := mustWeights(t, []taskEvidence{{Name: "chat", Weight: 1, Contenders: []Evidence{steady(miner(1), 5, 1)}}})
	if e, ok := out.Explain(miner(2)); ok || e.Tasks != nil {
		t.Errorf("a miner without evidence is explained: %+v", e)
	}
	if f := out.Task("image"); f != nil {
		t.Errorf("a task without evidence has factors: %+v", f)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	e := steady(miner(1), 1000, 1)
	e.History = nil
	for i := range MaxHistory + 20 {
		c := Counts{Requests: 1, OK: 1, Consumed: 10, Declared: 1000}
		if i%2 == 1 && i < 10 {
			c = Counts{Declared: 1000} // nothing asked: no score, and no place in the history
		}
		e.History = append(e.History, Period{Number: int64(1000 - i), Counts: c})
	}
	f := mustWeights(t, []taskEvidence{{Name: "chat", Weight: 1, Contenders: []Evidence{e}}}).Task("chat")[0]
	if len(f.Periods) != MaxHistory || f.Periods[1].Number != 998 {
		t.Errorf("%d periods count, the second is %d; want %d and 998", len(f.Periods), f.Periods[1].Number, MaxHistory)
	}
}

func TestEvidenceThatCannotBeIsRefused(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	bad := miner(7)
	for name, c := range map[string]struct {
		change func(tasks []taskEvidence)
		want   string
	}{
		"quality NaN":       {func(ts []taskEvidence) { ts[0].Contenders[1].Checks[0].Quality = nan }, "quality NaN"},
		"quality above 1":   {func(ts []taskEvidence) { ts[0].Contenders[1].Checks[0].Quality = 1.01 }, "quality 1.01"},
		"quality below 0":   {func(ts []taskEvidence) { ts[0].Contenders[1].Checks[0].Quality = -0.5 }, "quality -0.5"},
		"speed infinite":    {func(ts []taskEvidence) { ts[0].Contenders[1].Checks[0].Speed = inf }, "speed factor +Inf"},
		"speed NaN":         {func(ts []taskEvidence) { ts[0].Contenders[1].Checks[0].Speed = nan }, "speed factor NaN"},
		"capacity negative": {func(ts []taskEvidence) { ts[0].Contenders[1].Capacity = -1 }, "capacity -1"},
		"counts negative":   {func(ts []taskEvidence) { ts[0].Contenders[1].History[3].Failed = -1 }, "period 5: a count of -1"},
		"counts not adding": {func(ts []taskEvidence) { ts[0].Contenders[1].History[0].OK = 3 }, "10 requests, but 3 ok"},
		"volume negative":   {func(ts []taskEvidence) { ts[0].Contenders[1].History[0].Consumed = -3 }, "consumed -3"},
		"miner twice":       {func(ts []taskEvidence) { ts[0].Contenders[0].Hotkey = bad }, "given twice"},
	} {
		tasks := []taskEvidence{{Name: "chat", Weight: 1, Contenders: []Evidence{steady(miner(1), 100, 1), steady(bad, 100, 1)}}}
		c.change(tasks)
		out, err := weigh(tasks)
		if err == nil || out.Weights != nil {
			t.Errorf("%s: error %v, %d weights; want an error and none", name, err, len(out.Weights))
			continue
		}
		for _, want := range []string{c.want, bad.String(), `"chat"`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not name %q", name, err, want)
			}
		}
	}
	for name, tasks := range map[string][]taskEvidence{
		"weights above 1": {{Name: "a", Weight: 0.6}, {Name: "b", Weight: 0.6}},
		"weights below 1": {{Name: "a", Weight: 0.5}},
		"a weight is NaN": {{Name: "a", Weight: nan}, {Name: "b", Weight: 1}},
		"negative weight": {{Name: "a", Weight: -0.5}, {Name: "b", Weight: 1}},
		"a task twice":    {{Name: "a", Weight: 0.5}, {Name: "a", Weight: 0.5}},
	} {
		if _, err := weigh(tasks); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if out, err := weigh(nil); err != nil || len(out.Weights) != 0 {
		t.Errorf("no tasks: %v, %v; want no weights and no error", out.Weights, err)
	}
}

// onChain is what the ledger is told of a miner, 0 if it is left out, or if nobody earns anything and it is told nothing.
func onChain(weights []Weight, who hotkey.ID) (float64, error) {
	if !slices.ContainsFunc(weights, func(w Weight) bool { return w.Weight > 0 }) {
		return 0, nil
	}
	uids, shares := make([]uint16, len(weights)), make([]float64, len(weights))
	for i, w := range weights {
		uids[i], shares[i] = uint16(i), w.Weight
	}
	set, err := chain.NewWeights(uids, shares, 0)
	for i, uid := range set.UIDs {
		if weights[uid].Hotkey == who {
			return float64(set.Values[i]), err
		}
	}
	return 0, err
}

func BenchmarkWeights(b *testing.B) {
	const miners, tasksN = 256, 20
	r := rand.New(rand.NewPCG(1, 2))
	tasks := make([]taskEvidence, tasksN)
	for i := range tasks {
		tasks[i] = taskEvidence{Name: fmt.Sprint("task-", i), Weight: 1.0 / tasksN}
		for m := range miners {
			e := steady(miner(m), 1+r.Int64N(1e6), 0)
			e.Checks = make([]Check, MaxChecks)
			for j := range e.Checks {
				e.Checks[j] = Check{Quality: r.Float64(), Speed: r.Float64() * MaxSpeed}
			}
			for len(e.History) < MaxHistory {
				e.History = append(e.History, e.History[:8]...)
			}
			tasks[i].Contenders = append(tasks[i].Contenders, e)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := weigh(tasks); err != nil {
			b.Fatal(err)
		}
	}
}
