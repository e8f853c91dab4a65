package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
)

// BenchmarkChecks is what a check costs beside the judging: a claim, and a verdict
// with all that follows from it, of samples of 6 kB while others wait.
func BenchmarkChecks(b *testing.B) {
	for _, waiting := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			s := openAt(b, filepath.Join(b.TempDir(), "v.db"), Options{MaxPending: 1 << 40, MaxPendingBytes: 1 << 40})
			defer closed(b, s)
			response := make([]byte, 6000)
			for i := range response {
				response[i] = byte(i * i >> 3)
			}
			var batch []outcome.Entry
			for i := range waiting + b.N {
				e := outcome.Entry{Outcome: benchOutcome()}
				e.Outcome.Miner, e.Outcome.Start = hotkey.ID{byte(i)}, e.Outcome.Start.Add(time.Duration(i)*time.Millisecond)
				e.Sample = &outcome.Sample{Outcome: e.Outcome, Response: response}
				if batch = append(batch, e); len(batch) == 500 || i == waiting+b.N-1 {
					if err := s.Record(ctx, batch...); err != nil {
						b.Fatal(err)
					}
					batch = batch[:0]
				}
			}
			if err := s.mover.settle(ctx); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for range b.N {
				list, err := s.ClaimSamples(ctx, time.Now(), time.Hour, 1)
				if err != nil || len(list) != 1 {
					b.Fatal(len(list), err)
				}
				o := list[0].Outcome
				c := outcome.Check{Sample: list[0].ID, Task: o.Task, Miner: o.Miner, At: time.Now(), Quality: 1, E: 0.5}
				if _, err := s.SaveCheck(ctx, c, judgement.Default()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
