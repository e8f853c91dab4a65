package node

import (
	"context"
	"testing"
	"time"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
)

// onePeriod is what a store has of a period under way.
type onePeriod struct{ start time.Time }

func (o onePeriod) LastPeriod(context.Context) (period.Period, error) {
	return period.Period{ID: 7, Start: o.start, End: o.start.Add(time.Hour)}, nil
}

func (o onePeriod) Contenders(context.Context, int64) ([]period.Contender, error) {
	return []period.Contender{{Miner: hotkey.ID{1}, Task: "chat", Addr: "192.0.2.1:1", Capacity: 1000, Slots: 4}}, nil
}

// A scorer that starts again counts what customers have used up so far on its Board, which must know the contenders by then: else a miner
// that has served all that it declared would be blamed for refusing probes.
func TestTheBoardKnowsContendersBeforeTheScorerCounts(t *testing.T) {
	board, start := dispatch.NewBoard(), time.Now()
	if err := followPeriods(onePeriod{start}, board).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	board.Replay(outcome.Outcome{Task: "chat", Miner: hotkey.ID{1}, Source: outcome.Organic, Status: outcome.OK, Start: start, Total: time.Second, Work: 1000})
	begun, ok := board.TryBegin("chat", hotkey.ID{1}, false)
	if !ok || !begun.Spent {
		t.Errorf("begun %v, and the capacity is used up: %v", ok, begun.Spent)
	}
}
