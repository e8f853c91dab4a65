package node

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSettingsThatTeachNothingAreWarnedOf(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ValidatorConfig)
		want   []string // what warnings hold, one each
	}{
		"defaults":     {func(*ValidatorConfig) {}, nil},
		"half an hour": {func(c *ValidatorConfig) { c.Period = 30 * time.Minute }, nil},
		"a minute, all may be taken": {func(c *ValidatorConfig) {
			c.Period, c.Scorer.Synthetic = time.Minute, 1
			c.Beacons.Sources = []string{"ledger"}
		}, nil},
		"a minute": {func(c *ValidatorConfig) { c.Period = time.Minute; c.Beacons.Sources = []string{"ledger"} },
			[]string{"scorer.synthetic: is 0.02, and one beacon takes"}},
		"ten minutes": {func(c *ValidatorConfig) { c.Period = 10 * time.Minute },
			[]string{"scorer.synthetic: is 0.02, and the 4 beacons of a period take"}},
		"ten seconds of drand": {func(c *ValidatorConfig) { c.Period, c.Scorer.Synthetic = 10*time.Second, 1 },
			[]string{"beacons.sources: drand has a value every 3s", "period: is 10s, and its 4 beacons take"}},
		"many beacons": {func(c *ValidatorConfig) {
			c.Period, c.Scorer.Synthetic, c.Mechanism.Parameters = 20*time.Second, 1, map[string]float64{"beacons": 15}
			c.Beacons.Sources = []string{"ledger"}
		}, []string{"period: is 20s, and its 15 beacons take"}},
		"few at once":     {func(c *ValidatorConfig) { c.Scorer.Bursts = 4 }, []string{"scorer.bursts: is 4, and a miner with all the capacity that counts on"}},
		"no beacons":      {func(c *ValidatorConfig) { c.Mechanism.Parameters = map[string]float64{"beacons": 0} }, []string{"mechanism.parameters.beacons: is 0"}},
		"no trickle":      {func(c *ValidatorConfig) { c.Mechanism.Parameters = map[string]float64{"trickle": 0} }, []string{"mechanism.parameters.trickle: is 0"}},
		"another process": {func(c *ValidatorConfig) { c.Period, c.Roles = time.Minute, []string{Gateway} }, nil},
		"vision4":         {func(c *ValidatorConfig) { c.Period, c.Mechanism.Name = time.Minute, "vision4" }, nil},
	} {
		conf := ValidatorDefaults()
		c.change(&conf)
		got := conf.learnable()
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: %q, want %q", name, got[i], c.want[i])
			}
		}
	}
}

// Whoever does what a warning says is warned no more.
func TestWhatWarningsAdviseHelps(t *testing.T) {
	c := ValidatorDefaults()
	c.Period = time.Minute
	c.Beacons.Sources = []string{"ledger"}
	name, takes := c.longest()
	if name == "" || takes < 100*time.Millisecond {
		t.Fatalf("the longest request is of %q, %v", name, takes)
	}
	said := strings.Join(c.learnable(), "\n")
	_, advice, _ := strings.Cut(said, "set it to ")
	part, longer, _ := strings.Cut(advice, ", or the period to ")
	synthetic := c
	var err error
	if synthetic.Scorer.Synthetic, err = strconv.ParseFloat(part, 64); err != nil || len(synthetic.learnable()) != 0 {
		t.Errorf("%q: %v, and then %q", said, err, synthetic.learnable())
	}
	period := c
	if period.Period, err = time.ParseDuration(longer); err != nil || len(period.learnable()) != 0 {
		t.Errorf("%q: %v, and then %q", said, err, period.learnable())
	}
}
