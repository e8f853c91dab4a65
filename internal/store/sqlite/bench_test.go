package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// cpuTime is what the process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchOutcome() outcome.Outcome {
	return outcome.Outcome{
		Request: "req-abcdefghijklmnopqrstuvwxyz", Last: true, Key: 7, Task: "chat-llama-3.1-8b",
		Miner: hotkey.ID{1, 2, 3}, Stream: true, Work: 200, PromptWork: 700,
		Start: time.Unix(1_700_000_000, 0), FirstOutput: 90 * time.Millisecond, Total: 3 * time.Second,
		Arrivals: outcome.Arrivals{Chunks: 200, Longest: 40 * time.Millisecond, Burst: 0.1},
	}
}

// BenchmarkRecord gives the latency of one Record with n callers, and the CPU
// time per outcome of everything: journal, mover, SQLite, checkpoints.
func BenchmarkRecord(b *testing.B) {
	for _, mode := range []string{"normal", "full"} {
		for _, callers := range []int{1, 64, 500} {
			b.Run(fmt.Sprintf("%s/callers=%d", mode, callers), func(b *testing.B) {
				s, err := Open(context.Background(), filepath.Join(b.TempDir(), "v.db"), Options{Synchronous: mode})
				if err != nil {
					b.Fatal(err)
				}
				entry := outcome.Entry{Outcome: benchOutcome()}
				var left, slowest atomic.Int64
				left.Store(int64(b.N))
				var waited atomic.Int64
				used := cpuTime()
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							begin := time.Now()
							if err := s.Record(context.Background(), entry); err != nil {
								b.Error(err)
								return
							}
							d := int64(time.Since(begin))
							waited.Add(d)
							for old := slowest.Load(); d > old && !slowest.CompareAndSwap(old, d); old = slowest.Load() {
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(waited.Load())/float64(b.N), "wait-ns/op")
				b.ReportMetric(float64(slowest.Load())/1e6, "slowest-ms")
				b.ReportMetric(float64(cpuTime()-used)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
