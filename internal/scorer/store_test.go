package scorer

import (
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
	folded   map[int64]int64                          // by sample: in which period
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
		states: map[string]map[outcome.Pair]period.State{}, folded: map[int64]int64{}}
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

// mostTries is how often the sample tried most was given back.
func (m *memory) mostTries() (most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.samples {
		most = max(most, s.tries)
	}
	return most
}
