package scorer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vision/internal/fault"
	"vision/internal/outcome"
)

// TestReportExplainsTheWeights: the numbers shown are those that were paid, and they
// multiply up as printed.
func TestReportExplainsTheWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10*time.Minute, "a", "b", "bad")
		w.miners[w.ids[1]].declares["embed"] = 3600
		w.miners[w.ids[2]].answer = fails
		empty, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Now: time.Now()})
		if err != nil || empty.Running != nil || empty.Weights != nil || len(empty.Miners) != 0 || len(empty.Tasks) != 2 {
			t.Errorf("before anything: %+v, %v", empty, err)
		}
		w.start()
		w.until(5 * time.Minute)
		first, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Now: time.Now()})
		if err != nil || first.Running == nil || first.Running.Elapsed != 0.5 || first.Scored != 0 || len(first.Miners) != 3 {
			t.Errorf("in the first period: %+v, %v", first, err)
		}
		w.until(20*time.Minute + 6*time.Second) // after the weights of period 2
		w.stop()

		all, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		last, _ := w.store.LastWeights(t.Context())
		if all.Scored != 2 || all.Weights == nil || all.Weights.Period != 2 || !all.Weights.Set || len(all.Miners) != 3 || all.Miners[0].Hotkey != w.ids[1] {
			t.Fatalf("report %+v", all)
		}
		sum := 0.0
		for _, m := range all.Miners {
			sum += m.Weight
			for _, kept := range last.Miners {
				if kept.Miner == m.Hotkey && math.Abs(kept.Weight-m.Weight) > 1e-9 {
					t.Errorf("miner %s: %v reported, %v kept", m.Hotkey, m.Weight, kept.Weight)
				}
			}
			contributions := 0.0
			for _, c := range m.Tasks {
				contributions += c.Contribution
				if got := c.Quality.Combined * c.PeriodScore * float64(c.Capacity); math.Abs(got-c.Effective) > 1e-9 {
					t.Errorf("%s: quality x period score x capacity is %v, effective volume %v", c.Task, got, c.Effective)
				}
				if got := c.CubedShare * c.PaidTaskWeight; math.Abs(got-c.Contribution) > 1e-12 {
					t.Errorf("%s: cubed share x task weight is %v, contribution %v", c.Task, got, c.Contribution)
				}
				if math.Abs(c.PeriodMean*c.HistoryFactor-c.PeriodScore) > 1e-12 {
					t.Errorf("%s: mean %v x factor %v is not %v", c.Task, c.PeriodMean, c.HistoryFactor, c.PeriodScore)
				}
			}
			if math.Abs(contributions-m.Weight) > 1e-12 {
				t.Errorf("miner %s: contributions sum to %v, weight %v", m.Hotkey, contributions, m.Weight)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("weights sum to %v", sum)
		}

		one, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Now: time.Now(), Miner: w.ids[0]})
		if err != nil || len(one.Miners) != 1 || one.Miners[0].Weight != minerOf(all, w.ids[0]).Weight {
			t.Fatalf("report on one: %+v, %v", one, err)
		}
		c := one.Miners[0].Tasks[0]
		if len(c.Checks) != c.Quality.Checks || len(c.Checks) == 0 || c.Checks[0].Source != outcome.Synthetic.String() || len(c.Periods) != 2 || c.Periods[0].Period != 2 || c.Periods[0].Score != 1 {
			t.Errorf("evidence of one miner: %+v", c)
		}
		if minerOf(all, w.ids[2]).Tasks[0].Counts.Failed == 0 {
			t.Error("the bad miner's failures are not shown")
		}
		if _, err := Compose(t.Context(), w.store, w.tasks, ReportOptions{Miner: key("nobody").ID()}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a miner that nobody knows: %v, want NotFound", err)
		}

		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]any
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		task := back["miners"].([]any)[0].(map[string]any)["tasks"].([]any)[0].(map[string]any)
		for _, name := range []string{"declared", "capacity", "share_tested", "planned", "counts", "periods", "period_score", "quality", "checks", "effective_volume", "share", "cubed_share", "contribution"} {
			if _, ok := task[name]; !ok {
				t.Errorf("the field %q is missing in JSON; others read it by that name", name)
			}
		}
	})
}

func minerOf(r Report, id [32]byte) MinerReport {
	return r.Miners[slices.IndexFunc(r.Miners, func(m MinerReport) bool { return m.Hotkey == id })]
}

func TestConfigSaysWhatIsMissing(t *testing.T) {
	_, err := New(Config{Period: time.Millisecond})
	if err == nil {
		t.Fatal("an empty configuration is accepted")
	}
	for _, name := range []string{"Signer", "Ledger", "Store", "Miners", "Relay", "Catalogue", "Sampling", "Secret", "at least 1s"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}
