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
	"vision/internal/period"
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

// BenchmarkPeriod starts and finishes a period of 65,536 contenders, and gives
// the slowest Record of a caller who goes on meanwhile.
func BenchmarkPeriod(b *testing.B) {
	s, err := Open(context.Background(), filepath.Join(b.TempDir(), "v.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	contenders := make([]period.Contender, 65536)
	for i := range contenders {
		contenders[i] = period.Contender{Miner: hotkey.ID{1, byte(i), byte(i >> 8)}, UID: uint16(i), Task: "chat-llama-3.1-8b", Addr: "192.0.2.1:4000", Declared: 1 << 30, Capacity: 1 << 29, Share: 0.1, Probes: 6, Slots: 8}
	}
	var slowest time.Duration
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			begin := time.Now()
			if err := s.Record(context.Background(), outcome.Entry{Outcome: benchOutcome()}); err != nil {
				b.Error(err)
			}
			slowest = max(slowest, time.Since(begin))
		}
	}()
	for b.Loop() {
		p, err := s.StartPeriod(context.Background(), period.Period{Start: time.Unix(1, 0), End: time.Unix(2, 0)}, contenders)
		if err != nil {
			b.Fatal(err)
		}
		results := make([]period.Result, len(contenders))
		for i, c := range contenders {
			results[i] = period.Result{Contender: c, Score: 0.5, Valid: true}
		}
		if err := s.FinishPeriod(context.Background(), p.ID, period.Closing{Results: results}); err != nil {
			b.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	b.ReportMetric(float64(slowest)/1e6, "slowest-record-ms")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
