package scorer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vision/internal/fault"
	"vision/internal/report"
	"vision/internal/score"
)

// explainTask explains one task: what was asked, delivered, credited, and why.
func explainTask(ctx context.Context, st Evidence, m score.Mechanism, r *report.Report, f *score.Factors) (TaskExplanation, error) {
	t := TaskExplanation{Task: f.Task, Beacons: []BeaconRecord{}, Periods: []PeriodRecord{}}
	unit := unitOf(r, f.Task)
	t.say("It brings %s of the weight: %s of the task, which pays %s of all.", percent(f.Contribution), percent(f.CubedShare), percent(f.PaidTaskWeight))
	if f.Hardened == nil {
		t.sayPeriods(f, unit)
		return t, t.lookBack(ctx, st, f)
	}
	if err := t.findBeacons(ctx, st, m, r, f); err != nil {
		return t, err
	}
	if f.Hardened.SlashedHere { // all that was known of it here is gone
		t.say("Its answers to this task are why it was found to cheat. It is asked nothing here until that is over, and then begins again at nothing.")
		return t, t.lookBack(ctx, st, f)
	}
	t.sayFactors(f, unit)
	t.sayBeacons()
	return t, t.lookBack(ctx, st, f)
}

func (t *TaskExplanation) say(format string, args ...any) {
	t.Sentences = append(t.Sentences, fmt.Sprintf(format, args...))
}

// sayPeriods tells of a mechanism that pays what is declared.
func (t *TaskExplanation) sayPeriods(f *score.Factors, unit string) {
	t.say("It declares %d %s a period, of which %d count for this validator.", f.Declared, unit, f.Capacity)
	t.say("%d scored periods average to %.3f, of which %s counts for their number.", len(f.Periods), f.History.Mean, percent(f.History.Factor))
	t.say("%d checks found a quality of %.3f, and a speed factor of %.3f.", f.Quality.Checks, f.Quality.Mean, f.Quality.Speed)
	t.say("Effective volume: quality x speed %.4f x periods %.4f x capacity %d = %.1f.", f.Quality.Combined, f.History.Score, f.Capacity, f.EffectiveVolume)
}

// sayFactors tells of a mechanism that pays what was shown.
func (t *TaskExplanation) sayFactors(f *score.Factors, unit string) {
	h := f.Hardened
	if f.Declared == 0 {
		t.say("It declares nothing now, and is paid nothing here: each beacon that it misses so takes from its credit.")
	} else {
		t.say("It declares %d %s a period to all validators; with its slots and the task's maximum, at most %.0f can be credited.", f.Declared, unit, h.Ceiling)
	}
	if h.Part < 1 {
		t.say("It came when the period had begun, and is paid for the part for which it was there, %s of it. Beacons before it came count neither for nor against it.", percent(h.Part))
	}
	if h.Beacons == 0 {
		t.say("No beacon has asked it for anything yet, so nothing is credited.")
	} else {
		t.say("The last beacon that is counted sent it %s, of which %d answered in time: it tested %.0f %s a period, and %.0f were shown.",
			number(int(h.Asked), "request"), h.Delivered, h.Level, unit, h.Evidence)
		t.say("Credited are %.0f, give or take %.0f, of which what is certain counts. Answers at beacons that take longer than usual leave %s of it, and being shorter than others' %s: %.0f are paid.",
			h.Credited, h.StdErr, percent(h.SlowFactor), percent(h.Brevity), h.Paid)
		if h.ProofFactor < 1 {
			t.say("That is clearly less than the %.0f that could be credited by what it declares, which leaves %s: who declares no more than beacons show loses nothing by it.", h.Ceiling, percent(h.ProofFactor))
		}
		if h.Newcomer {
			t.say("It is new: its credit grows fast until a beacon is not answered in full, or all is shown.")
		}
	}
	if h.Scored == 0 {
		t.say("No period has a score yet, for nothing was asked outside beacons.")
	} else {
		t.say("It answers %s of what is asked, by volume over past periods; the last period's score is %.3f.", percent(h.Reliability), h.LastScore)
	}
	if f.Quality.Checks == 0 {
		t.say("None of its answers is checked yet, so that it has no quality, and is paid nothing here.")
	} else {
		t.say("%s %s: quality with speed is %.3f in those that passed. With the checks that everyone begins with, %s are taken to fail, which leaves %s of it.",
			number(f.Quality.Checks, "check"), verb(f.Quality.Checks, "counts", "count"), h.Passing, percent(h.FailureRate), percent(h.FailureFactor))
	}
	t.say("%s passed %s its trust %s.", number(int(h.TrustedChecks), "check"), verb(int(h.TrustedChecks), "makes", "make"), percent(h.Trust))
	if h.Audit > 10 {
		t.say("The evidence that it cheats is %.3g, and 1 is none; at %.3g it is taken to, and earns nothing for long.", h.Audit, h.AuditLimit)
	}
	if h.SlashedUntil > 0 && !h.Slashed {
		t.say("It was found to cheat once, and has been paid again since period %d.", h.SlashedUntil+1)
	}
	t.say("Effective volume: quality %.4f x reliability %.4f x trust %.4f x paid %.1f = %.1f.", f.Quality.Combined, h.Reliability, h.Trust, h.Paid, f.EffectiveVolume)
}

// findBeacons reads what came of the newest beacons that asked it for anything.
func (t *TaskExplanation) findBeacons(ctx context.Context, st Evidence, m score.Mechanism, r *report.Report, f *score.Factors) error {
	bursts, err := st.LastBursts(ctx, f.Hotkey, f.Task, mostBeacons)
	if err != nil {
		return fmt.Errorf("read what came of beacons: %w", err)
	}
	at := map[int64]time.Time{}
	by, timed := m.(deadliner)
	var offer score.Offer
	var state score.State
	if timed = timed && len(bursts) > 0; timed {
		offer, state, err = contenderIn(r, m, f)
		timed = err == nil
	}
	for i := range bursts {
		b := &bursts[i]
		if _, known := at[b.Beacon]; !known {
			beacons, err := st.Beacons(ctx, b.Period)
			if err != nil {
				return fmt.Errorf("read beacons: %w", err)
			}
			for _, one := range beacons {
				at[one.ID] = one.At
			}
		}
		rec := BeaconRecord{At: at[b.Beacon], Asked: b.Asked + b.InFlight, Customers: b.InFlight, Answered: len(b.Answers) + b.InFlight}
		if timed {
			offered := burstSeen(b, offer).Beacon.Offer
			for _, a := range b.Answers {
				if limit, err := by.Deadline(state, offered, a.Served); err == nil && a.Elapsed > limit {
					rec.Late++
				}
			}
		}
		t.Beacons = append(t.Beacons, rec)
	}
	// They were kept as each was over, and some last longer than others.
	slices.SortStableFunc(t.Beacons, func(a, b BeaconRecord) int { return b.At.Compare(a.At) })
	return nil
}

// sayBeacons tells at which beacons it lost something.
func (t *TaskExplanation) sayBeacons() {
	lost := 0
	for _, rec := range t.Beacons {
		if rec.Answered-rec.Late >= rec.Asked {
			continue
		}
		if lost++; lost <= 3 {
			t.say("It lost credit, or growth of it, at the beacon of %s UTC: of %s, %s.",
				rec.At.UTC().Format(time.DateTime), number(rec.Asked, "request"), some(rec.Asked-rec.Answered, "not answered", rec.Late, "answered too late"))
		}
	}
	if lost > 3 {
		t.say("It lost credit so at %d of the last %d beacons that asked it.", lost, len(t.Beacons))
	}
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
			t.say("It lost reliability in the period that ended at %s UTC: of %s, %s.",
				p.End.UTC().Format(time.DateTime), number(n.Requests, "request"), some(n.RateLimited, "refused", n.Failed, "answered with a failure"))
		}
	}
	if lost > 3 {
		t.say("It lost reliability so in %d of the last %s in which it contended.", lost, number(len(past), "period"))
	}
	return nil
}

// some says how many of two things happened, and nothing of what did not.
func some(a int, first string, b int, second string) string {
	var list []string
	if a > 0 {
		list = append(list, fmt.Sprintf("%d %s %s", a, verb(a, "was", "were"), first))
	}
	if b > 0 {
		list = append(list, fmt.Sprintf("%d %s %s", b, verb(b, "was", "were"), second))
	}
	return strings.Join(list, " and ")
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
