package eval

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"vision/internal/checker/calibration"
	"vision/internal/checker/evidence"
	"vision/internal/judgement"
)

// Lengths are those that true-positive rates are reported for, tokens.
var Lengths = []int{64, 128, 512, 2048}

// Options say how much is simulated of the responses that there are.
type Options struct {
	// Bounds are measured on the prompts for calibration, or conservative ones.
	Conservative bool
	// Draws is how many miners of each cheat are put together from its responses
	// at each length; five times as many honest ones set the threshold.
	Draws int
	// Lifetimes is how many honest miners live for Lifetime responses each.
	Lifetimes, Lifetime int
	Seed                uint64
}

// Report is what an evaluation found.
type Report struct {
	Bounds      string             `json:"bounds"` // "measured" or "conservative"
	Modes       []Mode             `json:"modes"`
	Calibration []CalibrationStack `json:"calibration,omitempty"`
}

// CalibrationStack says what bounds were measured on.
type CalibrationStack struct {
	Name      string `json:"name"`
	Responses int    `json:"responses"`
	Tokens    int    `json:"tokens"`
}

// Mode is what was found of responses that are judged alike.
type Mode struct {
	Name      string `json:"name"`
	Responses int    `json:"honest_responses"`
	Tokens    int    `json:"honest_tokens"`

	MeanE            float64   `json:"honest_mean_e"`           // of honest responses: at most 1 but for chance
	MeanEError       float64   `json:"honest_mean_e_error"`     // its standard error
	Thresholds       []float64 `json:"thresholds"`              // evidence that at most 0.1% of honest miners exceed, for each of Lengths
	Lifetimes        int       `json:"honest_lifetimes"`        // simulated
	Lifetime         int       `json:"responses_per_lifetime"`  // of each
	FalseConvictions int       `json:"false_convictions"`       // lifetimes with one
	CostPerToken     float64   `json:"check_over_regeneration"` // time of checking over that of writing the same again
	OldRanks         float64   `json:"old_rule_ranks_honest"`   // share of honest responses that the old rule's ranks fail
	One              float64   `json:"honest_above_1000"`       // share of honest responses whose own evidence exceeds 1,000
	Most             float64   `json:"honest_most_e"`           // the largest evidence against one of them
	Classes          []Class   `json:"classes"`
}

// Class is what was found of one cheat.
type Class struct {
	Label     string    `json:"label"`
	Responses int       `json:"responses"`
	Found     []float64 `json:"true_positive_rates"`      // at a false-positive rate of at most 0.1%, for each of Lengths
	Tokens    int       `json:"tokens_to_convict_median"` // of all evidence together; 0: not within mostTokens
	MostToken int       `json:"tokens_to_convict_99"`
	Quantiles []int     `json:"tokens_to_convict_percentiles"` // at each of Percentiles
	One       float64   `json:"found_in_one_response"`         // share of responses whose own evidence exceeds 1,000: of honest ones at most 0.1% do
	Median    int       `json:"responses_to_convict_median"`   // by the judgement's rules; 0: not within Lifetime
	Most      int       `json:"responses_to_convict_99"`
	OldRanks  float64   `json:"old_rule_ranks"`    // share of responses that the old rule's ranks fail
	OldFound  float64   `json:"old_rule_distance"` // true-positive rate of its distance at 512 tokens, at a false-positive rate of at most 0.1%
}

// falsePositives is the rate that thresholds are set at.
const falsePositives = 0.001

// Run calibrates on a source's prompts for that and tests on its others.
func Run(ctx context.Context, src Source, o Options) (*Report, error) {
	report := &Report{Bounds: "conservative"}
	bounds := evidence.Bounds{Noise: src.Noise()}
	if !o.Conservative {
		file := &calibration.File{Noise: bounds.Noise}
		if err := src.Calibration(ctx, func(r *Response) error {
			list, name := &file.Stacks, r.Stack
			if r.Label != Honest {
				list, name = &file.Alternatives, r.Label
			}
			i := slices.IndexFunc(*list, func(c calibration.Counts) bool { return c.Name == name })
			if i < 0 {
				i = len(*list)
				*list = append(*list, calibration.Counts{Name: name})
			}
			(*list)[i].Add(r, bounds.Noise)
			return nil
		}); err != nil {
			return nil, fmt.Errorf("calibrate: %w", err)
		}
		file.Fill()
		bounds = file.Bounds()
		report.Bounds = "measured"
		for _, c := range slices.Concat(file.Stacks, file.Alternatives) {
			report.Calibration = append(report.Calibration, CalibrationStack{c.Name, c.Responses, c.Positions})
		}
	}
	all := map[string]map[string][]*judged{} // by mode and label
	var labels, modes []string
	if err := src.Test(ctx, func(r *Response) error {
		mode := modeOf(r)
		if all[mode] == nil {
			all[mode] = map[string][]*judged{}
			modes = append(modes, mode)
		}
		if !slices.Contains(labels, r.Label) {
			labels = append(labels, r.Label)
		}
		all[mode][r.Label] = append(all[mode][r.Label], judge(r, &bounds))
		return nil
	}); err != nil {
		return nil, fmt.Errorf("test: %w", err)
	}
	for _, name := range modes {
		honest := all[name][Honest]
		if len(honest) == 0 {
			return nil, fmt.Errorf("there are no honest responses of %q", name)
		}
		report.Modes = append(report.Modes, measure(name, honest, all[name], labels, o))
	}
	return report, nil
}

// measure fills in one mode.
func measure(name string, honest []*judged, all map[string][]*judged, labels []string, o Options) Mode {
	r := rand.New(rand.NewPCG(o.Seed, 0x5eed))
	m := Mode{Name: name, Responses: len(honest), Lifetimes: o.Lifetimes, Lifetime: o.Lifetime}
	var check, write, square float64
	for _, j := range honest {
		m.Tokens += j.tokens
		m.MeanE += j.e / float64(len(honest))
		square += j.e * j.e / float64(len(honest))
		check, write = check+j.check, write+j.write
		if j.ranksFail {
			m.OldRanks += 1 / float64(len(honest))
		}
	}
	m.One = aboveOne(honest)
	for _, j := range honest {
		m.Most = max(m.Most, j.e)
	}
	m.MeanEError = math.Sqrt(max(0, square-m.MeanE*m.MeanE) / float64(len(honest)))
	if write > 0 {
		m.CostPerToken = check / write
	}
	for _, n := range Lengths {
		m.Thresholds = append(m.Thresholds, threshold(draws(r, honest, 5*o.Draws, func(r *rand.Rand, list []*judged) float64 { return together(r, list, n) })))
	}
	old := threshold(draws(r, honest, 5*o.Draws, distance))
	for range o.Lifetimes {
		if n := convicted(r, honest, o.Lifetime); n > 0 {
			m.FalseConvictions++
		}
	}
	for _, label := range labels {
		list := all[label]
		if label == Honest || len(list) == 0 {
			continue
		}
		c := Class{Label: label, Responses: len(list)}
		for i, n := range Lengths {
			c.Found = append(c.Found, above(draws(r, list, o.Draws, func(r *rand.Rand, list []*judged) float64 { return together(r, list, n) }), m.Thresholds[i]))
		}
		c.Quantiles = tokensToConvict(r, list, o.Draws)
		c.Tokens, c.MostToken = c.Quantiles[slices.Index(Percentiles, 50)], c.Quantiles[slices.Index(Percentiles, 99)]
		c.One = aboveOne(list)
		lives := make([]int, 0, o.Draws)
		for range o.Draws {
			n := convicted(r, list, o.Lifetime)
			if n == 0 {
				n = math.MaxInt
			}
			lives = append(lives, n)
		}
		slices.Sort(lives)
		c.Median, c.Most = quantile(lives, 0.5), quantile(lives, 0.99)
		for _, j := range list {
			if j.ranksFail {
				c.OldRanks += 1 / float64(len(list))
			}
		}
		c.OldFound = above(draws(r, list, o.Draws, distance), old)
		m.Classes = append(m.Classes, c)
	}
	return m
}

// quantile of sorted lives; 0 for one that did not end.
func quantile(lives []int, q float64) int {
	n := lives[min(len(lives)-1, int(q*float64(len(lives))))]
	if n == math.MaxInt {
		return 0
	}
	return n
}

func draws(r *rand.Rand, list []*judged, n int, one func(*rand.Rand, []*judged) float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = one(r, list)
	}
	return out
}

// together is the evidence of n tokens of a miner: responses drawn of its own.
func together(r *rand.Rand, list []*judged, n int) float64 {
	var results []evidence.Result
	for tokens := 0; tokens < n; {
		j := list[r.IntN(len(list))]
		for i, s := range j.segments {
			if tokens >= n {
				break
			}
			results = append(results, s)
			tokens += max(1, j.sizes[i])
		}
	}
	return evidence.Combine(results)
}

// distance is the old rule's: the mean of as many responses as have about 512 tokens.
func distance(r *rand.Rand, list []*judged) float64 {
	sum, n := 0.0, 0
	for tokens := 0; tokens < 512; {
		j := list[r.IntN(len(list))]
		tokens += max(1, j.tokens)
		if !math.IsNaN(j.distance) {
			sum, n = sum+j.distance, n+1
		}
		if j.tokens == 0 { // refused for its shape, which the old rule did not look at
			tokens += segment
		}
	}
	return sum / float64(max(1, n))
}

// threshold is what at most falsePositives of honest values exceed.
func threshold(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)-1-int(falsePositives*float64(len(values)))]
}

func above(values []float64, limit float64) float64 {
	n := 0
	for _, v := range values {
		if v > limit {
			n++
		}
	}
	return float64(n) / float64(len(values))
}

// convicted is the response that convicts a miner whose responses are drawn
// from a list, by the judgement's own rules; 0 if none of the first n does.
func convicted(r *rand.Rand, list []*judged, n int) int {
	rules := judgement.Default()
	var s judgement.State
	for i := range n {
		var err error
		if s, err = rules.Observe(s, list[r.IntN(len(list))].e); err != nil {
			return i + 1 // evidence that is no number must not pass for honesty
		}
		if s.Standing == judgement.Convicted {
			return i + 1
		}
	}
	return 0
}
