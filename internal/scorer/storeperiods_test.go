package scorer

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

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
			m.folded[sample] = id
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
			if m.folded[c.Sample] == 0 {
				list = append(list, c)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b outcome.Check) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Sample, b.Sample)) })
	return list[:min(len(list), limit)], err
}

func (m *memory) FoldedChecks(_ context.Context, id, sample int64, limit int) (list []outcome.Folded, err error) {
	err = m.do("FoldedChecks", func() error {
		for _, c := range m.checks {
			if in := m.folded[c.Sample]; in > id || in == id && in > 0 && c.Sample > sample {
				list = append(list, outcome.Folded{Check: c, Period: in})
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b outcome.Folded) int {
		return cmp.Or(cmp.Compare(a.Period, b.Period), cmp.Compare(a.Sample, b.Sample))
	})
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
