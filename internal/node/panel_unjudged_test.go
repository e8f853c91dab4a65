package node

import (
	"context"
	"testing"
	"time"

	"vision/internal/fault"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

type unable struct{ asked int }

func (u *unable) Judge(context.Context, proto.CheckRequest) (proto.CheckResponse, error) {
	u.asked++
	return proto.CheckResponse{}, fault.New(fault.Invalid, "unjudged_task", "No reference judges the task.")
}

// Samples of a task that nobody judges are for dropping, the second as the first:
// kept, they would wait with all others behind them.
func TestTasksThatNobodyJudges(t *testing.T) {
	p := newPanel(quiet, time.Now)
	u := &unable{}
	p.add("only", u)
	for i := range 3 {
		_, err := p.Check(t.Context(), proto.CheckRequest{Task: task.Task{Name: "odd"}, Sample: outcome.Sample{ID: int64(i + 1)}})
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("sample %d: %v, want it to be for dropping", i+1, err)
		}
	}
}
