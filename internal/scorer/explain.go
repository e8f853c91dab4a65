package scorer

import (
	"context"
	"fmt"
	"math"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/score"
)

// Explanation is one miner's standing in words and numbers, by the validator's
// last signed report.
type Explanation struct {
	Hotkey    hotkey.ID         `json:"hotkey"`
	Validator hotkey.ID         `json:"validator"`
	Period    int64             `json:"period"`
	At        time.Time         `json:"at"`
	Mechanism string            `json:"mechanism"`
	Weight    float64           `json:"weight"`
	Sentences []string          `json:"sentences"` // of the miner as a whole
	Tasks     []TaskExplanation `json:"tasks"`
	Advice    []Advice          `json:"advice"` // what would raise the weight, the most first; none while it is slashed
}

// TaskExplanation is a miner on one task.
type TaskExplanation struct {
	Task      string         `json:"task"`
	Sentences []string       `json:"sentences"`
	Beacons   []BeaconRecord `json:"beacons"` // that asked anything, newest first
	Periods   []PeriodRecord `json:"periods"` // in which it contended, newest first
}

// PeriodRecord is what a miner was asked in one period, beacons aside.
type PeriodRecord struct {
	Period      int64     `json:"period"`
	End         time.Time `json:"end"`
	Requests    int       `json:"requests"`     // customers' and the validator's own that count
	RateLimited int       `json:"rate_limited"` // of them, refused for want of capacity
	Failed      int       `json:"failed"`       // of them, otherwise
	Consumed    int64     `json:"consumed"`     // work of the others, in the task's unit
}

// BeaconRecord is what came of a miner at one beacon.
type BeaconRecord struct {
	At        time.Time `json:"at"`
	Asked     int       `json:"asked"`     // customers' requests under way among them
	Customers int       `json:"customers"` // of them
	Answered  int       `json:"answered"`  // whole, whenever
	Late      int       `json:"late"`      // of those, too late to count
}

// Advice is one thing that would raise the weight, all others staying as they are.
type Advice struct {
	Task     string  `json:"task"`
	Lever    string  `json:"lever"`
	Now      float64 `json:"now"`
	Then     float64 `json:"then"`
	Gain     float64 `json:"gain"` // of weight
	Sentence string  `json:"sentence"`
}

// mostBeacons and mostPeriods are how many of a contender's are looked back on.
const (
	mostBeacons = 20
	mostPeriods = 24
)

// Explain turns a miner's state into sentences. A miner that the last report
// does not know is a fault of kind NotFound, as is there being no report.
func Explain(ctx context.Context, st Evidence, id hotkey.ID) (Explanation, error) {
	return NewExplainer(st).Explain(ctx, id)
}

// explain explains a miner by a report that was read.
func (l *last) explain(ctx context.Context, st Evidence, id hotkey.ID) (Explanation, error) {
	r, m, out := &l.report, l.rules, l.outcome
	of, ok := out.Explain(id)
	if !ok {
		return Explanation{}, fault.New(fault.NotFound, "miner_not_found", "nothing is known of miner %s: it has not contended yet, or not lately", id)
	}
	e := Explanation{Hotkey: id, Validator: r.Validator, Period: r.Period, At: r.At, Mechanism: r.Mechanism, Weight: of.Weight,
		Tasks: []TaskExplanation{}, Advice: []Advice{}}
	rank, earning := 1, 0
	for _, w := range out.Weights {
		if w.Weight > 0 {
			earning++
		}
		if w.Weight > of.Weight {
			rank++
		}
	}
	if of.Weight > 0 {
		e.say("It earns %s of what this validator pays, number %d of %d miners that earn anything.", percent(of.Weight), rank, earning)
	} else {
		e.say("It earns nothing from this validator.")
	}
	length := r.End.Sub(r.Start).Round(time.Millisecond)
	if length > 0 {
		whose := ""
		if len(of.Tasks) > 0 && of.Tasks[0].Hardened != nil {
			whose = ", for all validators together"
		}
		e.say("A period lasts %v. Work is in units a period%s; times are UTC.", length, whose)
	}
	slashed := false
	for i := range of.Tasks {
		f := &of.Tasks[i]
		if h := f.Hardened; h != nil && h.Slashed && i == 0 {
			left := h.SlashedUntil - r.Period
			e.say("It was found to cheat, and earns nothing on any task until period %d is over: after this one, %d, for %s more%s.",
				h.SlashedUntil, r.Period, number(int(left), "period"), lasting(left, length))
			e.say("Nothing raises its weight before that. Where it was found to, it then begins again at nothing: serve the task's model there as it is specified.")
			slashed = true
		}
		t, err := explainTask(ctx, st, m, r, f)
		if err != nil {
			return e, err
		}
		e.Tasks = append(e.Tasks, t)
	}
	if slashed {
		return e, nil
	}
	advice, _ := out.Advise(id)
	for _, a := range advice {
		if a.Gain > 0 || a.Now == 0 {
			e.Advice = append(e.Advice, Advice{a.Task, string(a.Lever), a.Now, a.Then, a.Gain, advise(a, of.Weight, of.Tasks[0].Hardened != nil)})
		}
	}
	return e, nil
}

func (e *Explanation) say(format string, args ...any) {
	e.Sentences = append(e.Sentences, fmt.Sprintf(format, args...))
}

// percent writes a fraction for people.
func percent(x float64) string {
	switch {
	case x >= 0.0995:
		return fmt.Sprintf("%.0f%%", 100*x)
	case x >= 0.001:
		return fmt.Sprintf("%.1f%%", 100*x)
	case x > 0:
		return fmt.Sprintf("%.4f%%", 100*x)
	}
	return "0%"
}

// number is so many of a thing.
func number(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// verb is that of so many.
func verb(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// lasting says how long periods take; nothing if that is not known.
func lasting(periods int64, length time.Duration) string {
	if length <= 0 || periods > int64(math.MaxInt64/length) {
		return ""
	}
	return fmt.Sprintf(", %v", length*time.Duration(periods))
}

// advise says what changing one thing would do; beacons, where there are any.
func advise(a score.Advice, weight float64, beacons bool) string {
	what := map[score.Lever]string{
		score.LeverCapacity:    "Show 10% more at beacons, and declare it",
		score.LeverCredit:      "Answer every beacon in full until all is credited that can be",
		score.LeverCertainty:   "Answer beacons alike each time: what varies is held back",
		score.LeverDeclaring:   "Declare no more than beacons show",
		score.LeverSlowdown:    "Answer as fast at beacons as at other times",
		score.LeverBrevity:     "Answer at beacons at the length that others do",
		score.LeverReliability: "Refuse and fail no requests",
		score.LeverFailures:    "Let no check fail: serve the task's model as it is specified",
		score.LeverQuality:     "Serve the task's model as it is specified: quality 1",
		score.LeverSpeed:       "Be as fast as the fastest on the task",
		score.LeverHistory:     "Stay: trust comes with checked answers",
	}[a.Lever]
	switch {
	case !beacons && a.Lever == score.LeverCapacity:
		what = "Declare 10% more, if you can do it"
	case !beacons && a.Lever == score.LeverHistory:
		what = "Stay: a history of eight periods ends the deduction for newcomers"
	}
	if what == "" {
		what = "Raise " + string(a.Lever)
	}
	if a.Gain <= 0 {
		return fmt.Sprintf("%s: %s (%s). Alone it changes nothing, for something else is 0 as well.", a.Task, what, change(a))
	}
	return fmt.Sprintf("%s: %s (%s): it would earn %s of what is paid in place of %s.", a.Task, what, change(a), percent(a.Weight), percent(weight))
}

func change(a score.Advice) string {
	if a.Then > 10 {
		return fmt.Sprintf("%.0f becomes %.0f", a.Now, a.Then)
	}
	return fmt.Sprintf("%.3f becomes %.3f", a.Now, a.Then)
}
