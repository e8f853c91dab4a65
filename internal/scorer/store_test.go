package scorer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/task"
)

var (
	errNotFound error = fault.New(fault.NotFound, "not_found", "not found")
	errBroken         = errors.New("disk broken")
)

// memory keeps everything in memory and honours store.Store's contract. fail
// may make any method fail, before or after its effect.
type memory struct {
	mu       sync.Mutex
	outcomes []outcome.Numbered
	samples  map[int64]*kept
	checks   []outcome.Check
	periods  []period.Period
	entrants map[int64][]period.Contender
	results  map[int64][]period.Result
	weights  []period.Weights
	states   map[string]map[outcome.Pair]period.State // by mechanism
	folded   map[int64]bool                           // samples
	beacons  []period.Beacon
	bursts   []period.Burst
	reports  []period.Report
	closings []period.Closing // as they were asked for
	features map[string][]task.Features
	lastID   int64

	judgements map[outcome.Pair]judgement.State
	evidence   []outcome.Evidence
	copies     []outcome.Copied
	accusals   []outcome.Accusation

	fail func(method string) (before, after error)
}

type kept struct {
	outcome.Sample
	due   time.Time
	tries int
}

func newMemory() *memory {
	return &memory{judgements: map[outcome.Pair]judgement.State{}, samples: map[int64]*kept{}, entrants: map[int64][]period.Contender{}, results: map[int64][]period.Result{},
		states: map[string]map[outcome.Pair]period.State{}, folded: map[int64]bool{}}
}

// do runs f as the method's effect.
func (m *memory) do(method string, f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var after error
	if m.fail != nil {
		var before error
		if before, after = m.fail(method); before != nil {
			return before
		}
	}
	if err := f(); err != nil {
		return err
	}
	return after
}

func (m *memory) Record(_ context.Context, entries ...outcome.Entry) error {
	return m.do("Record", func() error {
		for _, e := range entries {
			m.outcomes = append(m.outcomes, outcome.Numbered{Seq: int64(len(m.outcomes)) + 1, Outcome: e.Outcome})
			if e.Sample != nil {
				m.lastID++
				s := *e.Sample
				s.ID = m.lastID
				m.samples[s.ID] = &kept{Sample: s}
			}
		}
		return nil
	})
}

func (m *memory) OutcomesAfter(_ context.Context, after int64, limit int) (list []outcome.Numbered, err error) {
	err = m.do("OutcomesAfter", func() error {
		list = slices.Clone(m.outcomes[after:min(int(after)+limit, len(m.outcomes))])
		return nil
	})
	return list, err
}

func (m *memory) SeqBefore(_ context.Context, t time.Time) (seq int64, err error) {
	err = m.do("SeqBefore", func() error {
		for _, o := range m.outcomes {
			if o.Start.Before(t) {
				seq = o.Seq
			}
		}
		return nil
	})
	return seq, err
}

func (m *memory) Features(_ context.Context, kind string, limit int) (list []task.Features, err error) {
	err = m.do("Features", func() error { list = m.features[kind]; return nil })
	return list[:min(len(list), limit)], err
}

func (m *memory) ClaimSamples(_ context.Context, now time.Time, lease time.Duration, limit int, except ...string) (list []outcome.Sample, err error) {
	err = m.do("ClaimSamples", func() error {
		for id := int64(1); id <= m.lastID && len(list) < limit; id++ {
			if s := m.samples[id]; s != nil && !s.due.After(now) && !slices.Contains(except, s.Outcome.Task) {
				s.due = now.Add(lease)
				list = append(list, s.Sample)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) PostponeSample(_ context.Context, id int64, until time.Time, _ string) error {
	return m.do("PostponeSample", func() error {
		if s := m.samples[id]; s != nil {
			s.due = until
			s.tries++
			return nil
		}
		return errNotFound
	})
}

func (m *memory) SaveCheck(_ context.Context, c outcome.Check, rules judgement.Rules) (change judgement.Change, err error) {
	err = m.do("SaveCheck", func() (err error) {
		if m.samples[c.Sample] == nil {
			return errNotFound
		}
		pair := outcome.Pair{Miner: c.Miner, Task: c.Task}
		change.Before = m.judgements[pair]
		if change.After, err = rules.Observe(change.Before, c.E); err != nil {
			return err
		}
		m.judgements[pair] = change.After
		c.Quality = min(c.Quality, rules.Quality(change.After))
		c.Number, c.Standing, c.Wealth, c.Convicted = change.After.Checked, change.After.Standing, change.After.Wealth(), change.Convicts()
		if c.E >= judgement.Suspect {
			m.evidence = append(m.evidence, outcome.Evidence{Check: c, Sample: m.samples[c.Sample].Sample, Proves: c.Convicted})
		}
		delete(m.samples, c.Sample)
		if !c.Copy.IsZero() {
			m.copies = append(m.copies, outcome.Copied{Sample: c.Sample, Task: c.Task, Miner: c.Miner, At: c.At, Copy: c.Copy})
		}
		m.checks = append(m.checks, c)
		return nil
	})
	return change, err
}

func (m *memory) Copies(_ context.Context, miner hotkey.ID, limit int) (list []outcome.Copied, err error) {
	err = m.do("Copies", func() error {
		for _, c := range slices.Backward(m.copies) {
			if (miner.IsZero() || c.Miner == miner || c.Other == miner) && len(list) < limit {
				list = append(list, c)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) SaveAccusation(_ context.Context, a outcome.Accusation) error {
	return m.do("SaveAccusation", func() error {
		for i := range m.accusals {
			if m.accusals[i].Answer == a.Answer {
				return nil
			}
		}
		a.Checked = m.judgements[outcome.Pair{Miner: a.Miner, Task: a.Task}].Checked
		m.accusals = append(m.accusals, a)
		return nil
	})
}

func (m *memory) Accusations(_ context.Context, since time.Time) (list []outcome.Accusation, err error) {
	err = m.do("Accusations", func() error {
		for _, a := range slices.Backward(m.accusals) {
			if !a.At.Before(since) {
				list = append(list, a)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) Judgements(context.Context) (list []outcome.Judgement, err error) {
	err = m.do("Judgements", func() error {
		for pair, state := range m.judgements {
			list = append(list, outcome.Judgement{Miner: pair.Miner, Task: pair.Task, State: state})
		}
		return nil
	})
	return list, err
}

func (m *memory) Evidence(_ context.Context, miner hotkey.ID, task string, limit int) (list []outcome.Evidence, err error) {
	err = m.do("Evidence", func() error {
		for _, e := range slices.Backward(m.evidence) {
			if e.Check.Miner == miner && e.Check.Task == task && len(list) < limit {
				list = append(list, e)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) DropSample(_ context.Context, id int64) error {
	return m.do("DropSample", func() error {
		if m.samples[id] == nil {
			return errNotFound
		}
		delete(m.samples, id)
		return nil
	})
}

func (m *memory) DropSamples(_ context.Context, t time.Time) (n int, err error) {
	err = m.do("DropSamples", func() error {
		for id, s := range m.samples {
			if s.Outcome.Start.Before(t) {
				delete(m.samples, id)
				n++
			}
		}
		return nil
	})
	return n, err
}

func (m *memory) Pending(context.Context) (n int, err error) {
	err = m.do("Pending", func() error { n = len(m.samples); return nil })
	return n, err
}

func (m *memory) Checks(_ context.Context, miner hotkey.ID, task string, limit int) (list []outcome.Check, err error) {
	err = m.do("Checks", func() error {
		for _, c := range slices.Backward(m.checks) {
			if c.Miner == miner && (task == "" || c.Task == task) && len(list) < limit {
				list = append(list, c)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) CheckCounts(_ context.Context, since time.Time) (counts map[outcome.Pair]int, err error) {
	counts = map[outcome.Pair]int{}
	err = m.do("CheckCounts", func() error {
		for _, c := range m.checks {
			if !c.At.Before(since) {
				counts[outcome.Pair{Miner: c.Miner, Task: c.Task}]++
			}
		}
		return nil
	})
	return counts, err
}

func (m *memory) StartPeriod(_ context.Context, p period.Period, contenders []period.Contender) (period.Period, error) {
	err := m.do("StartPeriod", func() error {
		p.ID, p.Phase = int64(len(m.periods))+1, period.Running
		m.periods = append(m.periods, p)
		list := slices.Clone(contenders)
		for i := range list {
			list[i].Period = p.ID
		}
		m.entrants[p.ID] = list
		return nil
	})
	return p, err
}

func (m *memory) LastPeriod(context.Context) (p period.Period, err error) {
	err = m.do("LastPeriod", func() error {
		if len(m.periods) == 0 {
			return errNotFound
		}
		p = m.periods[len(m.periods)-1]
		return nil
	})
	return p, err
}

func (m *memory) Contenders(_ context.Context, id int64) (list []period.Contender, err error) {
	err = m.do("Contenders", func() error { list = slices.Clone(m.entrants[id]); return nil })
	return list, err
}

func (m *memory) JoinPeriod(_ context.Context, id int64, contenders []period.Contender) error {
	return m.do("JoinPeriod", func() error {
		if id < 1 || id > int64(len(m.periods)) || m.periods[id-1].Phase != period.Running {
			return errNotFound
		}
		for _, c := range contenders {
			c.Period = id
			same := func(x period.Contender) bool { return x.UID == c.UID && x.Task == c.Task }
			if i := slices.IndexFunc(m.entrants[id], same); i >= 0 && m.entrants[id][i].Miner != c.Miner {
				return errors.New("another miner contends under this uid")
			} else if i >= 0 {
				m.entrants[id][i].Addr = c.Addr
			} else {
				m.entrants[id] = append(m.entrants[id], c)
			}
		}
		return nil
	})
}

func (m *memory) FinishPeriod(_ context.Context, id int64, c period.Closing) error {
	m.mu.Lock()
	m.closings = append(m.closings, c)
	m.mu.Unlock()
	return m.do("FinishPeriod", func() error {
		if m.periods[id-1].Phase != period.Running {
			return errNotFound
		}
		m.periods[id-1].Phase = period.Scored
		m.results[id] = slices.Clone(c.Results)
		if m.states[c.Mechanism] == nil {
			m.states[c.Mechanism] = map[outcome.Pair]period.State{}
		}
		for _, st := range c.States {
			st.Period = id
			m.states[c.Mechanism][outcome.Pair{Miner: st.Miner, Task: st.Task}] = st
		}
		for _, sample := range c.Folded {
			m.folded[sample] = true
		}
		return nil
	})
}

func (m *memory) States(_ context.Context, mechanism string) (list []period.State, err error) {
	err = m.do("States", func() error {
		for _, st := range m.states[mechanism] {
			list = append(list, st)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b period.State) int { return cmp.Or(a.Miner.Compare(b.Miner), cmp.Compare(a.Task, b.Task)) })
	return list, err
}

func (m *memory) UnfoldedChecks(_ context.Context, limit int) (list []outcome.Check, err error) {
	err = m.do("UnfoldedChecks", func() error {
		for _, c := range m.checks {
			if !m.folded[c.Sample] {
				list = append(list, c)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b outcome.Check) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Sample, b.Sample)) })
	return list[:min(len(list), limit)], err
}

func (m *memory) SaveBeacon(_ context.Context, b period.Beacon) (period.Beacon, error) {
	err := m.do("SaveBeacon", func() error {
		for _, old := range m.beacons {
			if old.Source == b.Source && old.Number == b.Number {
				b.ID = old.ID
				return nil
			}
		}
		b.ID = int64(len(m.beacons)) + 1
		m.beacons = append(m.beacons, b)
		return nil
	})
	return b, err
}

func (m *memory) SaveBursts(_ context.Context, bursts []period.Burst) error {
	return m.do("SaveBursts", func() error {
		for _, b := range bursts {
			if !slices.ContainsFunc(m.bursts, func(x period.Burst) bool { return x.Beacon == b.Beacon && x.Miner == b.Miner && x.Task == b.Task }) {
				m.bursts = append(m.bursts, b)
			}
		}
		return nil
	})
}

func (m *memory) Beacons(_ context.Context, id int64) (list []period.Beacon, err error) {
	err = m.do("Beacons", func() error {
		for _, b := range m.beacons {
			if b.Period == id {
				list = append(list, b)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) Bursts(_ context.Context, id int64) (list []period.Burst, err error) {
	err = m.do("Bursts", func() error {
		for _, b := range m.bursts {
			if b.Period == id {
				list = append(list, b)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) Results(_ context.Context, n int) (list []period.Result, err error) {
	err = m.do("Results", func() error {
		for _, p := range slices.Backward(m.periods) {
			if p.Phase == period.Running || n == 0 {
				continue
			}
			n--
			list = append(list, m.results[p.ID]...)
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b period.Result) int { return cmp.Compare(b.Period, a.Period) })
	return list, err
}

func (m *memory) LastResults(_ context.Context, miner hotkey.ID, task string, n int) (list []period.Past, err error) {
	err = m.do("LastResults", func() error {
		for _, p := range slices.Backward(m.periods) {
			if p.Phase == period.Running || n == 0 {
				continue
			}
			n--
			for _, r := range m.results[p.ID] {
				if r.Miner == miner && r.Task == task {
					list = append(list, period.Past{Period: p.ID, End: p.End, Counts: r.Counts})
				}
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) SaveWeights(_ context.Context, w period.Weights) error {
	return m.do("SaveWeights", func() error {
		if m.periods[w.Period-1].Phase == period.Running {
			return errNotFound
		}
		m.periods[w.Period-1].Phase = period.Weighted
		m.weights = append(m.weights, w)
		return nil
	})
}

func (m *memory) LastWeights(context.Context) (w period.Weights, err error) {
	err = m.do("LastWeights", func() error {
		if len(m.weights) == 0 {
			return errNotFound
		}
		w = m.weights[len(m.weights)-1]
		return nil
	})
	return w, err
}

// result is a contender's result in a period; nil if there is none yet.
func (m *memory) result(id int64, miner hotkey.ID, task string) *period.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.results[id] {
		if r.Miner == miner && r.Task == task {
			return &r
		}
	}
	return nil
}

// mostTries is how often the sample tried most was given back.
func (m *memory) mostTries() (most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.samples {
		most = max(most, s.tries)
	}
	return most
}

func (m *memory) LastBursts(_ context.Context, miner hotkey.ID, task string, limit int) (list []period.Burst, err error) {
	err = m.do("LastBursts", func() error {
		for _, b := range slices.Backward(m.bursts) {
			if b.Miner == miner && b.Task == task && len(list) < limit {
				list = append(list, b)
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) SaveReport(_ context.Context, r period.Report) error {
	return m.do("SaveReport", func() error {
		m.reports = slices.DeleteFunc(m.reports, func(x period.Report) bool { return x.Validator == r.Validator })
		m.reports = append(m.reports, r)
		slices.SortStableFunc(m.reports, func(a, b period.Report) int {
			switch {
			case a.Own && b.Own:
				return b.At.Compare(a.At)
			case a.Own == b.Own:
				return 0
			case a.Own:
				return -1
			}
			return 1
		})
		return nil
	})
}

func (m *memory) Reports(context.Context) (list []period.Report, err error) {
	err = m.do("Reports", func() error { list = slices.Clone(m.reports); return nil })
	return list, err
}

func (m *memory) OwnReport(_ context.Context, body bool) (r period.Report, err error) {
	err = m.do("OwnReport", func() error {
		if len(m.reports) == 0 || !m.reports[0].Own {
			return errNotFound
		}
		if r = m.reports[0]; !body {
			r.Body = nil
		}
		return nil
	})
	return r, err
}
