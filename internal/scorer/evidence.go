package scorer

import (
	"context"
	"fmt"
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
	Checks(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Check, error)
	Judgements(ctx context.Context) ([]outcome.Judgement, error)
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

// gather collects the evidence as of a scored period; id 0 is the newest.
func gather(ctx context.Context, st Evidence, c *task.Catalogue, id int64) (gathered, error) {
	g := gathered{period: id, contenders: map[outcome.Pair]period.Result{}}
	results, err := st.Results(ctx, score.MaxHistory)
	if err != nil {
		return g, fmt.Errorf("read the periods' results: %w", err)
	}
	if g.period == 0 {
		for _, r := range results {
			g.period = max(g.period, r.Period)
		}
	}
	history := map[outcome.Pair][]score.Period{}
	for _, r := range results {
		pair := outcome.Pair{Miner: r.Miner, Task: r.Task}
		if r.Period == g.period {
			g.contenders[pair] = r
		}
		if r.Period <= g.period {
			history[pair] = append(history[pair], score.Period{Number: r.Period, Counts: r.Counts})
		}
	}
	byTask := map[string][]score.Contender{}
	for pair, r := range g.contenders {
		if _, known := c.Lookup(pair.Task); !known {
			continue // removed from the catalogue
		}
		checks, err := st.Checks(ctx, pair.Miner, pair.Task, score.MaxChecks)
		if err != nil {
			return g, fmt.Errorf("read checks: %w", err)
		}
		byTask[pair.Task] = append(byTask[pair.Task], score.Contender{
			Hotkey: pair.Miner,
			Offer:  score.Offer{Declared: r.Declared, Maximum: r.Capacity, StakeShare: 1}, // of which r.Capacity counts
			State:  score.Vision4{}.Recall(history[pair], paid(checks)),
		})
	}
	for _, t := range c.Tasks() {
		g.tasks = append(g.tasks, score.Task{Name: t.Name, Weight: t.Weight, Contenders: byTask[t.Name]})
	}
	return g, nil
}

// weigh computes and keeps the weights that follow from a scored period, and
// hands them over to be set.
func (s *Scorer) weigh(ctx context.Context, id int64) error {
	return s.insist(ctx, "weigh the period", func(ctx context.Context) error {
		g, err := gather(ctx, s.c.Store, s.c.Catalogue(), id)
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
			w.Miners = append(w.Miners, period.MinerWeight{Miner: m.Hotkey, UID: uids[m.Hotkey], Weight: m.Weight})
		}
		if !earned(w) {
			w.Note = "nobody has earned anything yet"
		}
		if err := s.c.Store.SaveWeights(ctx, w); err != nil {
			return err
		}
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
