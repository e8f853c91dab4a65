package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/task"
)

// receipted is an entry with a receipt of 300 micro-credits, and a request id of its own.
func receipted(request string, project, key int64) outcome.Entry {
	e := outcome.Entry{Outcome: benchOutcome()}
	e.Outcome.Request = request
	e.Receipt = &ledger.Receipt{
		Request: request, Project: project, Key: key, Task: e.Outcome.Task, At: e.Outcome.Start.Add(e.Outcome.Total),
		Unit: task.Token, Work: task.Work{Prompt: 700, Units: 200}, Price: task.Price{Prompt: 100, Output: 1150},
		Cost: 300, Charged: 300, Miner: e.Outcome.Miner, Tries: 1,
	}
	return e
}

// funded makes a prepaid project with a balance, and a key.
func funded(t testing.TB, s *Store, name string, balance ledger.Amount) (project int64, key apikey.Key) {
	t.Helper()
	p, err := s.CreateProject(ctx, apikey.Project{Name: name, Kind: apikey.Prepaid, Created: time.Unix(1, 0)})
	if err == nil {
		_, err = s.Deposit(ctx, p.ID, balance, "", "", time.Unix(1, 0))
	}
	if err == nil {
		key, err = s.CreateKey(ctx, apikey.Key{Project: p.ID, Name: name, Hash: apikey.HashOf(name), Created: time.Unix(1, 0)})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.ID, key
}

// BenchmarkReceipts is BenchmarkRecord with a receipt in each record, or none,
// all else being equal.
func BenchmarkReceipts(b *testing.B) {
	for _, kind := range []string{"none", "free", "charged"} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind, callers), func(b *testing.B) {
				s, err := Open(context.Background(), filepath.Join(b.TempDir(), "v.db"), Options{})
				if err != nil {
					b.Fatal(err)
				}
				p, k := funded(b, s, "bench", 1<<60)
				if _, err := s.Lease(ctx, []ledger.Ask{{Pot: ledger.Pot{Kind: ledger.ProjectPot, ID: p}, Least: 1 << 59, Most: 1 << 59}}); err != nil {
					b.Fatal(err)
				}
				var next, waited atomic.Int64
				used := cpuTime()
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							e := receipted(outcome.NewID(time.UnixMilli(1_700_000_000_000+n/3), uint64(n), uint64(n)), p, k.ID)
							switch kind {
							case "none":
								e.Receipt = nil
							case "free":
								e.Receipt.Charged = 0
							}
							begin := time.Now()
							if err := s.Record(context.Background(), e); err != nil {
								b.Error(err)
								return
							}
							waited.Add(int64(time.Since(begin)))
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(waited.Load())/float64(b.N), "wait-ns/op")
				b.ReportMetric(float64(cpuTime()-used)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// BenchmarkVerify gives the time per receipt of an audit.
func BenchmarkVerify(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "v.db"), Options{})
	defer closed(b, s)
	p, k := funded(b, s, "bench", 1<<60)
	if _, err := s.Lease(ctx, []ledger.Ask{{Pot: ledger.Pot{Kind: ledger.ProjectPot, ID: p}, Least: 1 << 50, Most: 1 << 50}}); err != nil {
		b.Fatal(err)
	}
	const n = 50_000
	for i := range n {
		if err := s.Record(ctx, receipted(fmt.Sprintf("req-%026d", i), p, k.ID)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		r, err := s.Verify(ctx)
		if err != nil || !r.OK() || r.Receipts != n {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/receipt")
}
