package scorer

import (
	"math"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/score"
	"vision/internal/task"
)

// TestSpeedOfAnswersThatDoNotShowIt: with a mean of 0.01 s per token after 1 s, 200
// tokens in 2.875 s have the factor 1.3, in 6 s they have exp(-1.2) (docs/mechanism.md).
func TestSpeedOfAnswersThatDoNotShowIt(t *testing.T) {
	tk := &task.Task{Name: chat}
	tk.Speed.Overhead, tk.Speed.Mean, tk.Speed.Steepness = 1, 0.01, 80
	miner := hotkey.ID{1}
	slow := math.Exp(-1.2)
	const sec = time.Second
	took := func(d time.Duration) outcome.Outcome {
		return outcome.Outcome{Miner: miner, Task: chat, Stream: true, Work: 200, Total: d}
	}
	blocked := func(total, by time.Duration) outcome.Outcome {
		o := took(total)
		o.Blocked = by
		return o
	}
	burst := func(o outcome.Outcome) outcome.Outcome {
		o.FirstOutput, o.Arrivals.Mean = o.Total, o.Total
		return o
	}
	flowing := func(o outcome.Outcome) outcome.Outcome {
		o.FirstOutput, o.Arrivals.Mean = sec/2, (o.Total+sec/2)/2
		return o
	}
	far := func(o outcome.Outcome) outcome.Outcome {
		o.FirstOutput, o.Arrivals.Mean, o.Floor = sec+100*time.Millisecond, (o.Total+sec+100*time.Millisecond)/2, 100*time.Millisecond
		return o
	}
	broken := func(total time.Duration) outcome.Outcome {
		o := took(total)
		o.Status, o.Work = outcome.Canceled, 2
		return o
	}
	timed := func(speeds ...float64) (list []outcome.Check) {
		for _, s := range speeds {
			list = append(list, outcome.Check{Miner: miner, Task: chat, Quality: 1, Speed: s})
		}
		return list
	}
	others := []outcome.Check{
		{Miner: hotkey.ID{2}, Task: chat, Quality: 1, Speed: 1.6}, // another miner's
		{Miner: miner, Task: "embed", Quality: 1, Speed: 1.6},     // another task's
		{Miner: miner, Task: chat, Quality: 0, Speed: 1.6},        // rubbish is made fast
		{Miner: miner, Task: chat, Quality: 1, Speed: 1.6, Untimed: true},
	}
	for _, c := range []struct {
		name    string
		o       outcome.Outcome
		checks  []outcome.Check
		want    float64
		untimed bool
	}{
		{"timed", took(2875 * time.Millisecond), timed(0.5), 1.3, false},
		{"a caller's microseconds", blocked(2874*time.Millisecond, time.Millisecond), timed(0.5), 1.3, false},
		// All of it came while the caller did not read: 1.6, if one believed it.
		{"a slow miner's slow reader", blocked(sec, 5*sec), timed(slow, slow), slow, true},
		{"a slow miner's slow reader, to be flattered by others like it", blocked(sec, 5*sec), append(timed(slow), others...), slow, true},
		{"a fast miner's slow reader", blocked(2*sec, time.Hour), timed(1.3, 1.3), 1.3, true},
		{"a fast miner that was slow this time", blocked(6*sec, time.Hour), timed(1.3), slow, true},
		{"a slow miner that was fast this time", blocked(sec, 1875*time.Millisecond), timed(0.1), 1.3, true},
		{"nothing known", blocked(sec, 5*sec), nil, 1, true},
		// 2.875 s are 1.3; all of it at their end counts as 2.875 + 1.875 s, 0.00875 s a token above the mean.
		{"all in one burst", burst(took(2875 * time.Millisecond)), timed(1.3), math.Exp(-0.00875 * 80), false},
		{"as the tokens are made", flowing(took(2875 * time.Millisecond)), timed(0.5), 1.3, false},
		{"far away", far(took(2975 * time.Millisecond)), timed(0.5), 1.3, false},
		{"broken off within the overhead", broken(sec / 2), timed(slow), slow, true},
		{"broken off after a long wait", broken(time.Minute), timed(1.3), 1.3, true},
		{"broken off, nothing known", broken(time.Minute), others, 1, true},
	} {
		w := &world{store: newMemory()}
		w.store.checks = c.checks
		s := &Scorer{c: Config{Store: w.store}}
		got, untimed, err := s.speed(t.Context(), tk, &c.o, c.o.Work)
		if err != nil || math.Abs(got-c.want) > doubt || untimed != c.untimed {
			t.Errorf("%s: %.4f, untimed %v (%v); want %.4f, %v", c.name, got, untimed, err, c.want, c.untimed)
		}
		if got > score.MaxSpeed || got < 0 {
			t.Errorf("%s: %v is out of range", c.name, got)
		}
	}
	w := &world{store: newMemory()}
	w.store.fail = func(string) (before, after error) { return errBroken, nil }
	o := broken(sec)
	if _, _, err := (&Scorer{c: Config{Store: w.store}}).speed(t.Context(), tk, &o, 2); err == nil {
		t.Error("a store that fails gives a speed all the same")
	}
}
