package scorer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
	"vision/internal/task"
)

// Report is what `vision scores` and status pages show: weights, and every
// number that they come from. Work is in the task's unit, fractions are in
// [0, 1], times are the validator's. The names of its JSON fields are stable.
type Report struct {
	At        time.Time      `json:"at"`
	Mechanism string         `json:"mechanism"`            // by which miners are scored
	Running   *RunningReport `json:"running,omitempty"`    // the period under way
	Scored    int64          `json:"scored_period"`        // the newest period that counts below; 0 is none yet
	Weights   *WeightsReport `json:"weights,omitempty"`    // the newest vector kept
	Peers     []PeerReport   `json:"validators,omitempty"` // others, by their last reports
	Tasks     []TaskReport   `json:"tasks"`
	Miners    []MinerReport  `json:"miners"` // by weight, the largest first
}

// RunningReport is the period under way.
type RunningReport struct {
	ID       int64     `json:"id"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Elapsed  float64   `json:"elapsed"`  // fraction of its time
	Planned  int       `json:"planned"`  // probes, all contenders
	Requests int       `json:"requests"` // counted so far, customers' and probes
}

// WeightsReport says what became of the newest weights.
type WeightsReport struct {
	Period int64     `json:"period"`
	At     time.Time `json:"at"`
	Set    bool      `json:"set"`
	Note   string    `json:"note"`
}

// TaskReport is one task of the catalogue.
type TaskReport struct {
	Task       string  `json:"task"`
	Kind       string  `json:"kind"`
	Unit       string  `json:"unit"`
	Weight     float64 `json:"weight"` // of all that is paid
	Contenders int     `json:"contenders"`
	Load       *Load   `json:"load,omitempty"` // of the period under way
}

// MinerReport is one miner.
type MinerReport struct {
	Hotkey hotkey.ID         `json:"hotkey"`
	UID    uint16            `json:"uid"`
	Weight float64           `json:"weight"` // as computed from the evidence now
	Tasks  []ContenderReport `json:"tasks"`  // by name
}

// ContenderReport is every factor of a miner's score in one task.
//
//	quality.combined x period_score x capacity = effective_volume
//	cubed_share x paid_task_weight = contribution
type ContenderReport struct {
	Task        string  `json:"task"`
	Declared    int64   `json:"declared"`     // per period, to all validators
	Capacity    int64   `json:"capacity"`     // what counts of it for this validator
	ShareTested float64 `json:"share_tested"` // part of the capacity that probes tested
	Planned     int     `json:"planned"`      // requests that this takes

	Counts  CountsReport   `json:"counts"`            // of the newest scored period
	Running *CountsReport  `json:"running,omitempty"` // of the period under way, so far
	Periods []PeriodReport `json:"periods"`           // that count, newest first

	PeriodScore    float64        `json:"period_score"`   // average over periods x history factor
	PeriodMean     float64        `json:"period_mean"`    // the average alone
	HistoryFactor  float64        `json:"history_factor"` // less than 1 while the history is short
	Quality        QualityReport  `json:"quality"`
	Checks         []CheckReport  `json:"checks,omitempty"`    // newest first; only in a report on one miner
	Accused        *AccusedReport `json:"accused,omitempty"`   // what is looked into because another validator showed an answer
	Judgement      *Judgement     `json:"judgement,omitempty"` // what its checks say of it, all together
	Alike          []AlikeReport  `json:"alike,omitempty"`     // whose answers its were word for word; only in a report on one miner
	Hardened       *Hardened      `json:"vision7,omitempty"`   // what vision7 has besides
	Effective      float64        `json:"effective_volume"`    // what it is worth on the task, in its unit
	Share          float64        `json:"share"`               // of all contenders' effective volume in the task
	CubedShare     float64        `json:"cubed_share"`         // vision4: cubed, and scaled to sum to 1 again; vision7: the share itself
	PaidTaskWeight float64        `json:"paid_task_weight"`    // among the tasks that pay, [0, 1]
	Contribution   float64        `json:"contribution"`        // to the miner's weight
}

// Hardened is every factor that vision7 has besides; see score.Hardened. Work is
// per period, for all validators together.
type Hardened struct {
	Part        float64 `json:"part"`         // of the period, for which it is paid
	Ceiling     float64 `json:"ceiling"`      // the most that can be credited
	Credited    float64 `json:"credited"`     // what beacons have shown
	StdErr      float64 `json:"std_err"`      // of it
	SlowFactor  float64 `json:"slow_factor"`  // what slower answers at beacons leave
	ProofFactor float64 `json:"proof_factor"` // what being credited less than can be leaves
	Paid        float64 `json:"paid"`         // what counts, for that part
	PerUnit     float64 `json:"per_unit"`     // usual seconds per unit
	Brevity     float64 `json:"brevity"`      // what answers at beacons leave that are shorter than others'
	Newcomer    bool    `json:"newcomer"`     // the credit still grows fast

	Beacons   int64   `json:"beacons"`   // that asked anything
	Asked     int64   `json:"asked"`     // by the newest of them
	Delivered int64   `json:"delivered"` // of them
	Level     float64 `json:"level"`     // capacity that it tested
	Shown     float64 `json:"shown"`     // and what it showed

	Reliability   float64 `json:"reliability"`
	LastScore     float64 `json:"last_score"`     // of the newest period
	FailureRate   float64 `json:"failure_rate"`   // of checks
	FailureFactor float64 `json:"failure_factor"` // what it leaves of the quality
	Audit         float64 `json:"audit"`          // evidence of cheating, at least 1
	AuditLimit    float64 `json:"audit_limit"`    // where it slashes
	Slashed       bool    `json:"slashed"`
	SlashedUntil  int64   `json:"slashed_until,omitempty"` // the last period for which it is, or was
	Trust         float64 `json:"trust"`
	TrustedChecks int64   `json:"trusted_checks"` // passed checks that it comes from
}

func hardenedOf(h *score.Hardened) *Hardened {
	return &Hardened{
		Part: h.Part, Ceiling: h.Ceiling, Credited: h.Credited, StdErr: h.StdErr, SlowFactor: h.SlowFactor, ProofFactor: h.ProofFactor, Paid: h.Paid, PerUnit: h.PerUnit, Brevity: h.Brevity, Newcomer: h.Newcomer,
		Beacons: h.Beacons, Asked: h.Asked, Delivered: h.Delivered, Level: h.Level, Shown: h.Evidence,
		Reliability: h.Reliability, LastScore: h.LastScore, FailureRate: h.FailureRate, FailureFactor: h.FailureFactor, Audit: h.Audit, AuditLimit: h.AuditLimit,
		Slashed: h.Slashed, SlashedUntil: h.SlashedUntil, Trust: h.Trust, TrustedChecks: h.TrustedChecks,
	}
}

// CountsReport is what was seen in one period.
type CountsReport struct {
	Requests    int   `json:"requests"`
	OK          int   `json:"ok"`
	RateLimited int   `json:"rate_limited"` // 429
	Failed      int   `json:"failed"`
	Consumed    int64 `json:"consumed"` // work of good answers
}

// PeriodReport is one past period.
type PeriodReport struct {
	Period int64   `json:"period"`
	Score  float64 `json:"score"`
	Weight float64 `json:"weight"` // in the average
	CountsReport
}

// QualityReport averages the checks that count.
type QualityReport struct {
	Checks   int     `json:"checks"`
	Mean     float64 `json:"mean"`
	Speed    float64 `json:"speed"`    // mean speed factor, 0 to 1.6
	Combined float64 `json:"combined"` // mean of quality x speed, 0 to 1.6
}

// CheckReport is one verdict.
type CheckReport struct {
	At      time.Time `json:"at"`
	Source  string    `json:"source"` // organic or synthetic
	Quality float64   `json:"quality"`
	Speed   float64   `json:"speed"`
	Untimed bool      `json:"untimed,omitempty"` // the answer does not show its speed: it is that of others
	Work    int64     `json:"work"`
	Test    string    `json:"test"`
	Detail  string    `json:"detail"`
	E       float64   `json:"e"`                   // evidence against honesty: 1 says nothing
	By      string    `json:"reference,omitempty"` // the reference that judged it
	Again   string    `json:"again,omitempty"`     // how it was judged again, if it was
	Failed  bool      `json:"failed,omitempty"`
}

// ReportOptions choose what Compose reports.
type ReportOptions struct {
	Miner     hotkey.ID       // only this one, and with its checks; zero is all
	Now       time.Time       // the present
	Mechanism score.Mechanism // optional: that of the last report
	Rules     judgement.Rules // optional: judgement.Default
}

// Compose computes a report from what is kept. It only reads. A miner that
// was asked for and that nothing is known of is a fault of kind NotFound.
func Compose(ctx context.Context, st Evidence, c *task.Catalogue, opts ReportOptions) (Report, error) {
	if opts.Mechanism == nil {
		var err error
		if opts.Mechanism, err = rulesOf(ctx, st); err != nil {
			return Report{}, err
		}
	}
	orElse(&opts.Rules, judgement.Default())
	rep := Report{At: opts.Now, Mechanism: opts.Mechanism.Name(), Tasks: []TaskReport{}, Miners: []MinerReport{}}
	g, err := gather(ctx, st, opts.Mechanism, c, 0, true)
	if err != nil {
		return rep, err
	}
	rep.Scored = g.period
	out, err := opts.Mechanism.Weights(g.tasks)
	if err != nil {
		return rep, err
	}
	if w, err := st.LastWeights(ctx); err == nil {
		rep.Weights = &WeightsReport{w.Period, w.At, w.Set, w.Note}
	} else if fault.KindOf(err) != fault.NotFound {
		return rep, fmt.Errorf("read the last weights: %w", err)
	}
	now, err := underWay(ctx, st, c, opts.Mechanism)
	if err != nil {
		return rep, err
	}
	contenders := map[string]int{}
	loads := map[string]Load{}
	if now != nil {
		loads = now.loads()
	}
	for pair := range g.contenders {
		contenders[pair.Task]++
	}
	if rep.Peers, err = peersOf(ctx, st); err != nil {
		return rep, err
	}
	if now != nil {
		rep.Running = &RunningReport{ID: now.ID, Start: now.Start, End: now.End,
			Elapsed: min(max(float64(opts.Now.Sub(now.Start))/float64(now.End.Sub(now.Start)), 0), 1)}
		clear(contenders)
		for _, c := range now.contenders {
			contenders[c.Task]++
			rep.Running.Planned += c.Probes
			rep.Running.Requests += c.counts.Requests
		}
	}
	for _, t := range c.Tasks() {
		kind, _ := task.KindNamed(t.Kind)
		of := TaskReport{t.Name, t.Kind, string(kind.Unit()), t.Weight, contenders[t.Name], nil}
		if l, ok := loads[t.Name]; ok {
			of.Load = &l
		}
		rep.Tasks = append(rep.Tasks, of)
	}
	rep.Miners = minersOf(out, g, now, opts.Miner)
	if err := withJudgements(ctx, st, rep.Miners, opts.Rules, opts.Now); err != nil {
		return rep, err
	}
	if opts.Miner.IsZero() {
		return rep, nil
	}
	if len(rep.Miners) == 0 {
		return rep, fault.New(fault.NotFound, "miner_not_found", "nothing is known of miner %s: it has not contended in the newest period", opts.Miner)
	}
	return rep, errors.Join(withChecks(ctx, st, &rep.Miners[0]), withEvidence(ctx, st, &rep.Miners[0]), withCopies(ctx, st, &rep.Miners[0]))
}

// underWay is the running period with its counts so far, or nil.
func underWay(ctx context.Context, st Evidence, c *task.Catalogue, m score.Mechanism) (*book, error) {
	p, err := st.LastPeriod(ctx)
	switch {
	case fault.KindOf(err) == fault.NotFound || err == nil && p.Phase != period.Running:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the period under way: %w", err)
	}
	list, err := st.Contenders(ctx, p.ID)
	if err != nil {
		return nil, fmt.Errorf("read the period's contenders: %w", err)
	}
	b := newBook(p, [32]byte{}, m)
	b.add(p.End, list...)
	after, err := st.SeqBefore(ctx, p.Start.Add(-longest(c)))
	for n := page; err == nil && n == page; {
		var outcomes []outcome.Numbered
		outcomes, err = st.OutcomesAfter(ctx, after, page)
		for i := range outcomes {
			o := &outcomes[i]
			after = o.Seq
			if b.covers(o.End()) {
				err = b.count(&o.Outcome)
			}
		}
		n = len(outcomes)
	}
	if err != nil {
		return nil, fmt.Errorf("count the period's outcomes: %w", err)
	}
	return b, nil
}

// minersOf puts together what the mechanism explains, what was counted and
// what is being counted; only says of which miner (zero: all).
func minersOf(out score.Outcome, g gathered, now *book, only hotkey.ID) []MinerReport {
	miners := map[hotkey.ID]*MinerReport{}
	miner := func(id hotkey.ID, uid uint16) *MinerReport {
		if miners[id] == nil {
			miners[id] = &MinerReport{Hotkey: id, UID: uid, Tasks: []ContenderReport{}}
		}
		return miners[id]
	}
	for pair, r := range g.contenders {
		if only.IsZero() || pair.Miner == only {
			miner(pair.Miner, r.UID)
		}
	}
	for id, m := range miners {
		e, _ := out.Explain(id)
		m.Weight = e.Weight
		for _, f := range e.Tasks {
			m.Tasks = append(m.Tasks, contenderOf(f, g.contenders[outcome.Pair{Miner: id, Task: f.Task}]))
		}
	}
	if now != nil {
		for _, c := range now.contenders {
			if !only.IsZero() && c.Miner != only {
				continue
			}
			m := miner(c.Miner, c.UID)
			i := slices.IndexFunc(m.Tasks, func(t ContenderReport) bool { return t.Task == c.Task })
			if i < 0 {
				i = len(m.Tasks)
				m.Tasks = append(m.Tasks, ContenderReport{Task: c.Task, Declared: c.Declared, Capacity: c.Capacity,
					ShareTested: c.Share, Planned: c.Probes, Periods: []PeriodReport{}})
			}
			counts := countsOf(c.counts)
			m.Tasks[i].Running = &counts
		}
	}
	list := make([]MinerReport, 0, len(miners))
	for _, m := range miners {
		slices.SortFunc(m.Tasks, func(a, b ContenderReport) int { return cmp.Compare(a.Task, b.Task) })
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b MinerReport) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.UID, b.UID), a.Hotkey.Compare(b.Hotkey))
	})
	return list
}

func contenderOf(f score.Factors, r period.Result) ContenderReport {
	c := ContenderReport{
		Task: f.Task, Declared: f.Declared, Capacity: f.Capacity, ShareTested: r.Share, Planned: r.Probes,
		Counts: countsOf(r.Counts), Periods: []PeriodReport{},
		PeriodScore: f.History.Score, PeriodMean: f.History.Mean, HistoryFactor: f.History.Factor,
		Quality:   QualityReport{f.Quality.Checks, f.Quality.Mean, f.Quality.Speed, f.Quality.Combined},
		Effective: f.EffectiveVolume, Share: f.Share, CubedShare: f.CubedShare,
		PaidTaskWeight: f.PaidTaskWeight, Contribution: f.Contribution,
	}
	if f.Hardened != nil {
		c.Hardened = hardenedOf(f.Hardened)
	}
	for _, p := range f.Periods {
		c.Periods = append(c.Periods, PeriodReport{p.Number, p.Score, p.Weight, countsOf(p.Counts)})
	}
	return c
}

func countsOf(c score.Counts) CountsReport {
	return CountsReport{c.Requests, c.OK, c.RateLimited, c.Failed, c.Consumed}
}

// withChecks adds the verdicts that count.
func withChecks(ctx context.Context, st Evidence, m *MinerReport) error {
	for i := range m.Tasks {
		checks, err := st.Checks(ctx, m.Hotkey, m.Tasks[i].Task, score.MaxChecks)
		if err != nil {
			return fmt.Errorf("read checks: %w", err)
		}
		for _, c := range checks {
			m.Tasks[i].Checks = append(m.Tasks[i].Checks, CheckReport{c.At, c.Source.String(), c.Quality, c.Speed, c.Untimed, c.Work, c.Test, c.Detail, c.E, c.Reference, c.Again, c.Failed})
		}
	}
	return nil
}
