package sampling

import (
	"math"
	"testing"

	"vision/internal/hotkey"
	"vision/internal/outcome"

	"pgregory.net/rapid"
)

func configs(t *rapid.T) Config {
	return Config{
		Min:     rapid.Float64Range(1e-6, 1).Draw(t, "min"),
		Enough:  rapid.IntRange(1, 500).Draw(t, "enough"),
		Backlog: rapid.IntRange(1, 5000).Draw(t, "backlog"),
	}
}

func TestRateFavoursLittleEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configs(t)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		checks := rapid.IntRange(0, 1000).Draw(t, "checks")
		pending := rapid.IntRange(0, 100000).Draw(t, "pending")
		rate := Rate(checks, pending, c)
		if !(rate >= c.Min && rate <= 1) {
			t.Fatalf("rate %v, want %v to 1", rate, c.Min)
		}
		if more := Rate(checks+1, pending, c); more > rate {
			t.Fatalf("%v after %d checks, but %v after one more", rate, checks, more)
		}
		if behind := Rate(checks, pending+1, c); behind > rate {
			t.Fatalf("%v while %d wait, but %v while one more does", rate, pending, behind)
		}
		if got := Rate(c.Enough, 0, c); got != c.Min {
			t.Fatalf("rate with evidence enough is %v, want %v", got, c.Min)
		}
	})
	if got := Rate(0, 0, Default()); got != 1 {
		t.Errorf("nothing known, nothing waiting: rate %v, want 1", got)
	}
	if got := Rate(0, 200, Default()); got != 0.5 {
		t.Errorf("with a full backlog: rate %v, want 0.5", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Config{{0, 1, 1}, {math.NaN(), 1, 1}, {2, 1, 1}, {1, 0, 1}, {1, 1, 0}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestTable(t *testing.T) {
	var table Table
	a, b := hotkey.ID{1}, hotkey.ID{2}
	if !table.Keep(0.999, "chat", a) {
		t.Error("an empty table drops an answer: nothing is known of anyone, so all is to be kept")
	}
	c := Config{Min: 0.1, Enough: 10, Backlog: 10}
	table.Set(map[outcome.Pair]int{{Miner: a, Task: "chat"}: 10}, 0, c)
	for _, want := range []struct {
		draw  float64
		task  string
		miner hotkey.ID
		keep  bool
	}{
		{0.099, "chat", a, true}, {0.1, "chat", a, false},
		{0.999, "images", a, true}, {0.999, "chat", b, true},
	} {
		if got := table.Keep(want.draw, want.task, want.miner); got != want.keep {
			t.Errorf("%+v: kept %t", want, got)
		}
	}
	table.Set(nil, 10, c)
	if table.Keep(0.5, "chat", a) || !table.Keep(0.499, "chat", a) {
		t.Errorf("rate %v of a pair nobody has checked while the checker is behind, want 0.5", table.Rate("chat", a))
	}
}

func TestSamplerKeepsByRequest(t *testing.T) {
	var table Table
	c := Config{Min: 0.1, Enough: 10, Backlog: 10}
	table.Set(map[outcome.Pair]int{{Miner: hotkey.ID{1}, Task: "chat"}: 10}, 0, c)
	s := Sampler{Table: &table, Draw: func(id string) float64 { return map[string]float64{"low": 0.05, "high": 0.5}[id] }}
	if !s.Keep("low", "chat", hotkey.ID{1}) || s.Keep("high", "chat", hotkey.ID{1}) {
		t.Error("the request's own draw does not decide")
	}
}
