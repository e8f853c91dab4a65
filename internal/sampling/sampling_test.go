package sampling

import (
	"math"
	"math/rand/v2"
	"testing"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"

	"pgregory.net/rapid"
)

func configs(t *rapid.T) Config {
	backlog := rapid.IntRange(1, 5000).Draw(t, "backlog")
	return Config{
		Min:     rapid.Float64Range(1e-6, 1).Draw(t, "min"),
		Enough:  rapid.IntRange(1, 500).Draw(t, "enough"),
		Watched: rapid.Float64Range(1e-6, 1).Draw(t, "watched"),
		Weak:    rapid.Float64Range(1e-6, 1).Draw(t, "weak"),
		Beacon:  rapid.Float64Range(1, MostBeacon).Draw(t, "beacon"),
		Backlog: backlog,
		Most:    backlog + rapid.IntRange(1, 5000).Draw(t, "most"),
	}
}

func TestRateFavoursLittleEvidenceAndSuspicion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configs(t)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		k := Known{Checks: rapid.IntRange(0, 1000).Draw(t, "checks"), Weak: rapid.Bool().Draw(t, "weak"), Alike: rapid.Bool().Draw(t, "alike"), Accused: rapid.Bool().Draw(t, "accused"),
			Standing: rapid.SampledFrom([]judgement.Standing{judgement.Trusted, judgement.Watched, judgement.Convicted}).Draw(t, "standing")}
		rate := c.Rate(k)
		if !(rate >= c.Min && rate <= 1) {
			t.Fatalf("rate %v, want %v to 1", rate, c.Min)
		}
		more, clear := k, k
		more.Checks++
		clear.Standing, clear.Weak, clear.Alike, clear.Accused = judgement.Trusted, false, false, false
		if c.Rate(more) > rate || c.Rate(clear) > rate {
			t.Fatalf("%v for %+v, but %v after one more check and %v without suspicion", rate, k, c.Rate(more), c.Rate(clear))
		}
		pending := rapid.IntRange(0, 20000).Draw(t, "pending")
		left, then := c.Behind(pending), c.Behind(pending+1)
		if !(left >= 0 && left <= 1) || then > left || (pending >= c.Most) != (left == 0) {
			t.Fatalf("%v is left of rates while %d wait, %v while one more does", left, pending, then)
		}
		if got := c.Rate(Known{Checks: c.Enough}); got != c.Min {
			t.Fatalf("rate with evidence enough is %v, want %v", got, c.Min)
		}
	})
	c := Default()
	for name, x := range map[string]struct {
		got  float64
		want float64
	}{
		"nothing known":        {c.Rate(Known{}), 1},
		"enough":               {c.Rate(Known{Checks: 50}), 0.02},
		"watched":              {c.Rate(Known{Checks: 50, Standing: judgement.Watched}), 0.25},
		"convicted":            {c.Rate(Known{Checks: 50, Standing: judgement.Convicted}), 0.05},
		"alike":                {c.Rate(Known{Checks: 50, Alike: true}), 0.25},
		"accused":              {c.Rate(Known{Checks: 50, Accused: true}), 1},
		"weak declaration":     {c.Rate(Known{Checks: 50, Weak: true}), 0.1},
		"nothing waits":        {c.Behind(0), 1},
		"as many as the bound": {c.Behind(4000), 0},
	} {
		if x.got != x.want {
			t.Errorf("%s: %v, want %v", name, x.got, x.want)
		}
	}
	if got := c.Behind(200); got < 0.45 || got > 0.5 {
		t.Errorf("with a backlog of 200: %v is left of rates, want about a half", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Config){
		"min 0": func(c *Config) { c.Min = 0 }, "min NaN": func(c *Config) { c.Min = math.NaN() }, "min 2": func(c *Config) { c.Min = 2 },
		"enough 0": func(c *Config) { c.Enough = 0 }, "backlog 0": func(c *Config) { c.Backlog = 0 }, "most": func(c *Config) { c.Most = c.Backlog },
		"watched 0": func(c *Config) { c.Watched = 0 }, "weak 2": func(c *Config) { c.Weak = 2 },
		"beacon half": func(c *Config) { c.Beacon = 0.5 }, "beacon NaN": func(c *Config) { c.Beacon = math.NaN() }, "beacon 2000": func(c *Config) { c.Beacon = 2000 },
	} {
		c := Default()
		spoil(&c)
		if c.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestTable(t *testing.T) {
	var table Table
	a, b := hotkey.ID{1}, hotkey.ID{2}
	if !table.Keep(0.999, outcome.Organic, "chat", a) {
		t.Error("an empty table drops an answer: nothing is known of anyone, so all is to be kept")
	}
	c := Config{Min: 0.1, Enough: 10, Watched: 0.5, Weak: 0.2, Beacon: 1, Backlog: 10, Most: 100}
	table.Set(map[outcome.Pair]Known{{Miner: a, Task: "chat"}: {Checks: 10}, {Miner: b, Task: "chat"}: {Checks: 10, Standing: judgement.Watched}}, c)
	for _, want := range []struct {
		draw  float64
		task  string
		miner hotkey.ID
		keep  bool
	}{
		{0.099, "chat", a, true}, {0.1, "chat", a, false},
		{0.499, "chat", b, true}, {0.5, "chat", b, false},
		{0.999, "images", a, true}, {0.999, "chat", hotkey.ID{3}, true},
	} {
		if got := table.Keep(want.draw, outcome.Synthetic, want.task, want.miner); got != want.keep {
			t.Errorf("%+v: kept %t", want, got)
		}
	}
	table.SetPending(10, c)
	if left := 0.9 / 2; table.Keep(left, outcome.Organic, "images", a) || !table.Keep(left-1e-9, outcome.Organic, "images", a) {
		t.Errorf("rate %v of a pair nobody has checked while the checker is behind, want %v", table.Rate(outcome.Organic, "images", a), left)
	}
	table.SetPending(100, c)
	if table.Keep(0, outcome.Organic, "images", a) || table.Keep(0, outcome.Organic, "chat", a) {
		t.Error("an answer is kept although as many wait as may")
	}
	table.SetPending(0, c)
	if !table.Keep(0.999, outcome.Organic, "images", a) {
		t.Error("nothing waits any more, and answers are still dropped")
	}
}

// Under a load of a hundred times what can be checked, the queue settles far
// below the bound, what is checked is as much as can be, and all pairs have their share.
func TestOverload(t *testing.T) {
	const (
		pairs   = 50
		traffic = 500 // answers a second
		able    = 5   // checks a second
		every   = 5   // seconds between two looks at the queue
		seconds = 3600
	)
	c := Default()
	rng := rand.New(rand.NewPCG(1, 2))
	var table Table
	known := map[outcome.Pair]Known{}
	pending, most, checked := 0, 0, 0
	var queue []outcome.Pair
	for s := range seconds {
		if s%60 == 0 {
			table.Set(known, c)
		}
		if s%every == 0 {
			table.SetPending(pending, c)
		}
		for range traffic {
			p := outcome.Pair{Miner: hotkey.ID{byte(rng.IntN(pairs))}, Task: "chat"}
			if table.Keep(rng.Float64(), outcome.Organic, p.Task, p.Miner) {
				queue = append(queue, p)
			}
		}
		for range min(able, len(queue)) {
			k := known[queue[0]]
			k.Checks++
			known[queue[0]], queue = k, queue[1:]
			checked++
		}
		pending = len(queue)
		if s > 60 {
			most = max(most, pending)
		}
	}
	if most >= c.Most {
		t.Errorf("%d samples wait after the first minute, want fewer than %d", most, c.Most)
	}
	if pending > 2000 || pending < 1 {
		t.Errorf("%d samples wait in the end", pending)
	}
	if checked != able*seconds {
		t.Errorf("%d checks, want %d: as many as can be done", checked, able*seconds)
	}
	for p, k := range known {
		if k.Checks < able*seconds/pairs/2 {
			t.Errorf("miner %d had %d checks of %d", p.Miner[0], k.Checks, checked)
		}
	}
	t.Logf("at most %d waited after the first minute, %d in the end", most, pending)
}

// Who answers beacons by a cheaper model is seen there, however few they are among all answers.
func TestBeaconsAreKeptMoreOften(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configs(t)
		var table Table
		miner, k := hotkey.ID{1}, Known{Checks: rapid.IntRange(0, 1000).Draw(t, "checks")}
		table.Set(map[outcome.Pair]Known{{Miner: miner, Task: "chat"}: k}, c)
		table.SetPending(rapid.IntRange(0, 20000).Draw(t, "pending"), c)
		one, at := table.Rate(outcome.Synthetic, "chat", miner), table.Rate(outcome.Burst, "chat", miner)
		if one != table.Rate(outcome.Organic, "chat", miner) {
			t.Fatal("a probe is kept with another chance than a customer's request")
		}
		all := table.Rate(outcome.Organic, "images", miner) // nothing is known: all that the backlog allows
		if want := min(one*c.Beacon, all); math.Abs(at-want) > 1e-12 {
			t.Fatalf("an answer to a beacon is kept with %v, others with %v, want %v", at, one, want)
		}
	})
}

// However much a beacon asks at once, what is kept of it does not fill the queue, and is what would have been kept had it come
// one by one with the queue as full as it gets.
func TestABeaconDoesNotFillTheQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configs(t)
		pending := rapid.IntRange(0, 12000).Draw(t, "pending")
		expected := rapid.OneOf(rapid.Float64Range(0, 10), rapid.Float64Range(0, 1e6)).Draw(t, "expected")
		part := c.Ahead(pending, expected)
		if !(part >= 0 && part <= c.Behind(pending)) || c.Ahead(pending, expected+1) > part {
			t.Fatalf("%v is left with %d waiting, %v before, %v with one more", part, pending, c.Behind(pending), c.Ahead(pending, expected+1))
		}
		kept := part * expected
		if pending < c.Most && float64(pending)+kept >= float64(c.Most) {
			t.Fatalf("%v are kept while %d wait, of %d that may", kept, pending, c.Most)
		}
		if after := c.behind(float64(pending) + kept); math.Abs(after-part) > 1e-9 {
			t.Fatalf("%v is left, but %v once all of it waits", part, after)
		}
	})
	c := Default()
	if c.Ahead(17, 0) != c.Behind(17) {
		t.Error("a beacon of nothing changes the rates")
	}
	if kept := 10_000 * c.Ahead(0, 10_000); kept < 1000 || kept > 1200 { // k = 10000 x (1 - k/4000)/(1 + k/200)
		t.Errorf("of 10,000 answers at once %v are kept", kept)
	}
}

// What customers ask while a beacon is called and asks is kept as often as what it asks.
func TestWhileABeaconIsCalledAllAreKeptAlike(t *testing.T) {
	var table Table
	miner := hotkey.ID{1}
	c := Default()
	table.Set(map[outcome.Pair]Known{{Miner: miner, Task: "chat"}: {Checks: 50}}, c)
	rates := func() (list [3]float64) {
		for i, source := range []outcome.Source{outcome.Organic, outcome.Synthetic, outcome.Burst} {
			list[i] = table.Rate(source, "chat", miner)
		}
		return list
	}
	before := rates()
	over := table.Called(0.75)
	if got := rates(); got[0] != got[2] || got[1] != got[2] || math.Abs(got[2]-0.15) > 1e-12 {
		t.Errorf("while it is called, rates are %v, want 0.15", got)
	}
	table.Called(0.01)() // a large one: customers' are kept no more seldom than usual
	next := table.Called(0.01)
	over() // the one before ends
	if got := rates(); got[0] != before[0] || got[1] != before[1] || math.Abs(got[2]-0.002) > 1e-12 {
		t.Errorf("while a large one is called, rates are %v, before %v", got, before)
	}
	next()
	if got := rates(); got != before {
		t.Errorf("when it is over, rates are %v, before %v", got, before)
	}
	// Checks that have fallen behind since it was called leave less than was foreseen.
	defer table.Called(0.75)()
	table.SetPending(c.Backlog, c)
	if got, want := rates(), 0.2*c.Behind(c.Backlog); math.Abs(got[2]-want) > 1e-12 || got[0] != got[2] {
		t.Errorf("with checks behind, rates are %v, want %v", got, want)
	}
}

func TestSamplerKeepsByRequest(t *testing.T) {
	var table Table
	table.Set(map[outcome.Pair]Known{{Miner: hotkey.ID{1}, Task: "chat"}: {Checks: 50}}, Default())
	s := Sampler{Table: &table, Draw: func(id string) float64 { return map[string]float64{"low": 0.01, "high": 0.5}[id] }}
	if !s.Keep("low", "chat", hotkey.ID{1}) || s.Keep("high", "chat", hotkey.ID{1}) {
		t.Error("the request's own draw does not decide")
	}
}
