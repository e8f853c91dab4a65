package scorer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/report"
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
	Advice    []Advice          `json:"advice"` // what would raise the weight, the most first
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
	for i := range of.Tasks {
		f := &of.Tasks[i]
		if h := f.Hardened; h != nil && h.Slashed && i == 0 {
			left := h.SlashedUntil - r.Period
			e.say("It was found to cheat, and earns nothing on any task until period %d is over: after this one, %d, for %s more%s.",
				h.SlashedUntil, r.Period, number(int(left), "period"), lasting(left, length))
		}
		t, err := explainTask(ctx, st, m, r, f)
		if err != nil {
			return e, err
		}
		e.Tasks = append(e.Tasks, t)
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

// explainTask explains one task: what was asked, delivered, credited, and why.
func explainTask(ctx context.Context, st Evidence, m score.Mechanism, r *report.Report, f *score.Factors) (TaskExplanation, error) {
	t := TaskExplanation{Task: f.Task, Beacons: []BeaconRecord{}, Periods: []PeriodRecord{}}
	say := func(format string, args ...any) { t.Sentences = append(t.Sentences, fmt.Sprintf(format, args...)) }
	unit := unitOf(r, f.Task)
	say("It brings %s of the weight: %s of the task, which pays %s of all.", percent(f.Contribution), percent(f.CubedShare), percent(f.PaidTaskWeight))
	h := f.Hardened
	if h == nil {
		say("It declares %d %s a period, of which %d count for this validator.", f.Declared, unit, f.Capacity)
		say("%d scored periods average to %.3f, of which %s counts for their number.", len(f.Periods), f.History.Mean, percent(f.History.Factor))
		say("%d checks found a quality of %.3f, and a speed factor of %.3f.", f.Quality.Checks, f.Quality.Mean, f.Quality.Speed)
		say("Effective volume: quality x speed %.4f x periods %.4f x capacity %d = %.1f.", f.Quality.Combined, f.History.Score, f.Capacity, f.EffectiveVolume)
		return t, t.lookBack(ctx, st, f)
	}
	if f.Declared == 0 {
		say("It declares nothing now, and is paid nothing here: each beacon that it misses so takes from its credit.")
	} else {
		say("It declares %d %s a period to all validators; with its slots and the task's maximum, at most %.0f can be credited.", f.Declared, unit, h.Ceiling)
	}
	if h.Part < 1 {
		say("It came when the period had begun, and is paid for the part for which it was there, %s of it. Beacons before it came count neither for nor against it.", percent(h.Part))
	}
	if h.Beacons == 0 {
		say("No beacon has asked it for anything yet, so nothing is credited.")
	} else {
		say("The last beacon that is counted sent it %s, of which %d answered in time: it tested %.0f %s a period, and %.0f were shown.",
			number(int(h.Asked), "request"), h.Delivered, h.Level, unit, h.Evidence)
		say("Credited are %.0f, give or take %.0f, of which what is certain counts. Answers at beacons that take longer than usual leave %s of it, and being shorter than others' %s: %.0f are paid.",
			h.Credited, h.StdErr, percent(h.SlowFactor), percent(h.Brevity), h.Paid)
		if h.ProofFactor < 1 {
			say("That is clearly less than the %.0f that could be credited by what it declares, which leaves %s: who declares no more than beacons show loses nothing by it.", h.Ceiling, percent(h.ProofFactor))
		}
		if h.Newcomer {
			say("It is new: its credit grows fast until a beacon is not answered in full, or all is shown.")
		}
	}
	if h.Scored == 0 {
		say("No period has a score yet, for nothing was asked outside beacons.")
	} else {
		say("It answers %s of what is asked, by volume over past periods; the last period's score is %.3f.", percent(h.Reliability), h.LastScore)
	}
	if f.Quality.Checks == 0 {
		say("None of its answers is checked yet, so that it has no quality, and is paid nothing here.")
	} else {
		say("%s %s: quality with speed is %.3f in those that passed. %s are taken to fail, those included that everyone begins with, which leaves %s of it.",
			number(f.Quality.Checks, "check"), verb(f.Quality.Checks, "counts", "count"), h.Passing, percent(h.FailureRate), percent(h.FailureFactor))
	}
	say("%s passed %s its trust %s.", number(int(h.TrustedChecks), "check"), verb(int(h.TrustedChecks), "makes", "make"), percent(h.Trust))
	if h.Audit > 10 {
		say("The evidence that it cheats is %.3g, and 1 is none; at %.3g it is taken to, and earns nothing for long.", h.Audit, h.AuditLimit)
	}
	if h.SlashedHere {
		say("Its answers to this task are why it was found to cheat.")
	} else if h.SlashedUntil > 0 && !h.Slashed {
		say("It was found to cheat once, and has been paid again since period %d.", h.SlashedUntil+1)
	}
	say("Effective volume: quality %.4f x reliability %.4f x trust %.4f x paid %.1f = %.1f.", f.Quality.Combined, h.Reliability, h.Trust, h.Paid, f.EffectiveVolume)

	bursts, err := st.LastBursts(ctx, f.Hotkey, f.Task, mostBeacons)
	if err != nil {
		return t, fmt.Errorf("read what came of beacons: %w", err)
	}
	at := map[int64]time.Time{}
	by, late := m.(deadliner)
	var offer score.Offer
	var state score.State
	if late = late && len(bursts) > 0; late {
		offer, state, err = contenderIn(r, m, f)
		late = err == nil
	}
	for i := range bursts {
		b := &bursts[i]
		if _, known := at[b.Beacon]; !known {
			beacons, err := st.Beacons(ctx, b.Period)
			if err != nil {
				return t, fmt.Errorf("read beacons: %w", err)
			}
			for _, one := range beacons {
				at[one.ID] = one.At
			}
		}
		rec := BeaconRecord{At: at[b.Beacon], Asked: b.Asked + b.InFlight, Customers: b.InFlight, Answered: len(b.Answers) + b.InFlight}
		if late {
			for _, a := range b.Answers {
				if limit, err := by.Deadline(state, offer, a.Served); err == nil && a.Elapsed > limit {
					rec.Late++
				}
			}
		}
		t.Beacons = append(t.Beacons, rec)
	}
	// They were kept as each was over, and some last longer than others.
	slices.SortStableFunc(t.Beacons, func(a, b BeaconRecord) int { return b.At.Compare(a.At) })
	lost := 0
	for _, rec := range t.Beacons {
		if rec.Answered-rec.Late >= rec.Asked {
			continue
		}
		if lost++; lost <= 3 {
			say("It lost credit, or growth of it, at the beacon of %s UTC: of %s, %d %s not answered and %d too late.",
				rec.At.UTC().Format(time.DateTime), number(rec.Asked, "request"), rec.Asked-rec.Answered, verb(rec.Asked-rec.Answered, "was", "were"), rec.Late)
		}
	}
	if lost > 3 {
		say("It lost credit so at %d of the last %d beacons that asked it.", lost, len(bursts))
	}
	return t, t.lookBack(ctx, st, f)
}

// lookBack tells of periods in which requests were refused or failed, beacons aside.
func (t *TaskExplanation) lookBack(ctx context.Context, st Evidence, f *score.Factors) error {
	past, err := st.LastResults(ctx, f.Hotkey, f.Task, mostPeriods)
	if err != nil {
		return fmt.Errorf("read what past periods asked: %w", err)
	}
	lost := 0
	for i := range past {
		p, n := &past[i], &past[i].Counts
		t.Periods = append(t.Periods, PeriodRecord{Period: p.Period, End: p.End, Requests: n.Requests, RateLimited: n.RateLimited, Failed: n.Failed, Consumed: n.Consumed})
		if n.RateLimited+n.Failed == 0 {
			continue
		}
		if lost++; lost <= 3 {
			t.Sentences = append(t.Sentences, fmt.Sprintf("It lost reliability in the period that ended at %s UTC: of %s, %d %s refused and %d failed.",
				p.End.UTC().Format(time.DateTime), number(n.Requests, "request"), n.RateLimited, verb(n.RateLimited, "was", "were"), n.Failed))
		}
	}
	if lost > 3 {
		t.Sentences = append(t.Sentences, fmt.Sprintf("It lost reliability so in %d of the last %s in which it contended.", lost, number(len(past), "period")))
	}
	return nil
}

// deadliner is a mechanism that says when an answer to a beacon is late.
type deadliner interface {
	Deadline(known score.State, offer score.Offer, served int64) (time.Duration, error)
}

// contenderIn finds a contender in a report.
func contenderIn(r *report.Report, m score.Mechanism, f *score.Factors) (score.Offer, score.State, error) {
	for i := range r.Tasks {
		for j := range r.Tasks[i].Contenders {
			if c := &r.Tasks[i].Contenders[j]; r.Tasks[i].Task == f.Task && c.Hotkey == f.Hotkey {
				state, err := c.Remembered(m)
				return c.Offer, state, err
			}
		}
	}
	return score.Offer{}, nil, fault.New(fault.NotFound, "miner_not_found", "the report does not know it")
}

func unitOf(r *report.Report, name string) string {
	for _, t := range r.Tasks {
		if t.Task == name && t.Unit != "" {
			return t.Unit + "s"
		}
	}
	return "units"
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
