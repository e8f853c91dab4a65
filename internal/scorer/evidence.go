package scorer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/score"
	"vision/internal/task"
)

// Evidence is what scores are computed from; see store.Store.
type Evidence interface {
	LastPeriod(ctx context.Context) (period.Period, error)
	Contenders(ctx context.Context, id int64) ([]period.Contender, error)
	Results(ctx context.Context, n int) ([]period.Result, error)
	LastResults(ctx context.Context, miner hotkey.ID, task string, n int) ([]period.Past, error)
	States(ctx context.Context, mechanism string) ([]period.State, error)
	UnfoldedChecks(ctx context.Context, limit int) ([]outcome.Check, error)
	FoldedChecks(ctx context.Context, period, sample int64, limit int) ([]outcome.Folded, error)
	Beacons(ctx context.Context, period int64) ([]period.Beacon, error)
	Bursts(ctx context.Context, period int64) ([]period.Burst, error)
	LastBursts(ctx context.Context, miner hotkey.ID, task string, limit int) ([]period.Burst, error)
	Reports(ctx context.Context) ([]period.Report, error)
	OwnReport(ctx context.Context, body bool) (period.Report, error)
	Checks(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Check, error)
	Judgements(ctx context.Context) ([]outcome.Judgement, error)
	Copies(ctx context.Context, miner hotkey.ID, limit int) ([]outcome.Copied, error)
	Accusations(ctx context.Context, since time.Time) ([]outcome.Accusation, error)
	Evidence(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Evidence, error)
	LastWeights(ctx context.Context) (period.Weights, error)
	SeqBefore(ctx context.Context, t time.Time) (int64, error)
	OutcomesAfter(ctx context.Context, after int64, limit int) ([]outcome.Numbered, error)
}

// gathered is the evidence as of one scored period.
type gathered struct {
	period     int64
	contenders map[outcome.Pair]period.Result // of that period
	tasks      []score.Task                   // for the mechanism
}

// gather collects the evidence as of the newest scored period, which is id if
// that is not 0. With live, states have taken in the checks that have come since.
func gather(ctx context.Context, st Evidence, m score.Mechanism, c *task.Catalogue, id int64, live bool) (gathered, error) {
	g := gathered{period: id, contenders: map[outcome.Pair]period.Result{}}
	k, results, err := recall(ctx, st, m)
	if err != nil {
		return g, err
	}
	if len(results) > 0 && id == 0 {
		g.period = results[0].Period
	}
	for _, r := range results {
		if r.Period != g.period {
			break // nobody contended in this one
		}
		g.contenders[pairOf(&r.Contender)] = r
	}
	if _, recalls := m.(recaller); live && !recalls {
		checks, err := st.UnfoldedChecks(ctx, mostUnfolded)
		if err != nil {
			return g, fmt.Errorf("read checks: %w", err)
		}
		var errs []error
		for i := range checks {
			p := outcome.Pair{Miner: checks[i].Miner, Task: checks[i].Task}
			k[p] = fold(m, k[p], checkSeen(&checks[i]), &errs)
		}
	}
	byTask := map[string][]score.Contender{}
	for p, r := range g.contenders {
		byTask[p.Task] = append(byTask[p.Task], score.Contender{Hotkey: p.Miner, Offer: offerOf(&r.Contender), State: k[p]})
	}
	for p, state := range k {
		if _, contends := g.contenders[p]; !contends && state != nil {
			byTask[p.Task] = append(byTask[p.Task], score.Contender{Hotkey: p.Miner, State: state})
		}
	}
	for _, t := range c.Tasks() {
		g.tasks = append(g.tasks, score.Task{Name: t.Name, Weight: t.Weight, Contenders: byTask[t.Name]})
		delete(byTask, t.Name)
	}
	g.tasks = append(g.tasks, removed(m, byTask)...)
	return g, nil
}

// slasher is a mechanism under which a miner may be slashed, on all tasks for what it did on one.
type slasher interface {
	Standing(known score.State, offer score.Offer) (score.Standing, error)
}

// removed are tasks that the catalogue has no more. They pay nothing, and their contenders count for
// nothing, but for those that are slashed for what they did there: taking a task away lets nobody off.
func removed(m score.Mechanism, byTask map[string][]score.Contender) (list []score.Task) {
	by, ok := m.(slasher)
	if !ok {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(byTask)) {
		t := score.Task{Name: name}
		for _, c := range byTask[name] {
			if at, err := by.Standing(c.State, score.Offer{}); err == nil && at.Slashed {
				t.Contenders = append(t.Contenders, score.Contender{Hotkey: c.Hotkey, State: c.State})
			}
		}
		if len(t.Contenders) > 0 {
			list = append(list, t)
		}
	}
	return list
}

// weigh computes and keeps the weights that follow from a scored period, and
// hands them over to be set.
func (s *Scorer) weigh(ctx context.Context, id int64) error {
	return s.insist(ctx, "weigh the period", func(ctx context.Context) error {
		g, err := gather(ctx, s.c.Store, s.c.Mechanism, s.c.Catalogue(), id, false)
		if err != nil {
			return err
		}
		out, err := s.c.Mechanism.Weights(g.tasks)
		if err != nil {
			return err
		}
		uids := map[hotkey.ID]uint16{}
		for pair, r := range g.contenders {
			uids[pair.Miner] = r.UID
		}
		w := period.Weights{Period: id, At: s.c.Now(), Note: waiting}
		for _, m := range out.Weights {
			if _, contends := uids[m.Hotkey]; !contends && m.Weight == 0 {
				continue
			}
			w.Miners = append(w.Miners, period.MinerWeight{Miner: m.Hotkey, UID: uids[m.Hotkey], Weight: m.Weight})
		}
		if !earned(w) {
			w.Note = "nobody has earned anything yet"
		}
		if err := s.c.Store.SaveWeights(ctx, w); err != nil {
			return err
		}
		s.publish(ctx, g, out, uids)
		s.hand(w)
		return nil
	})
}

// earned says whether anybody has a weight: otherwise there is nothing to set.
func earned(w period.Weights) bool {
	for _, m := range w.Miners {
		if m.Weight > 0 {
			return true
		}
	}
	return false
}
