package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vision/internal/judgement"
	"vision/internal/outcome"
)

// Whatever comes while nothing is checked, the samples that wait are bounded, the
// database stops growing by them, and no outcome is lost. Those kept are of who
// has been checked least.
func TestQueueIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	const most, bytes = 40, 400_000
	s := openAt(t, path, Options{MaxPending: most, MaxPendingBytes: bytes})
	defer closed(t, s)
	rng := rand.NewChaCha8([32]byte{2})
	n := 0
	record := func(miner byte, size int) {
		t.Helper()
		e := outcome.Entry{Outcome: benchOutcome()}
		n++
		e.Outcome.Request, e.Outcome.Miner[0] = fmt.Sprint(n), miner
		e.Outcome.Start = e.Outcome.Start.Add(time.Duration(n) * time.Second)
		response := make([]byte, size)
		_, _ = rng.Read(response)
		e.Sample = &outcome.Sample{Outcome: e.Outcome, Response: response}
		if err := s.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 {
			if err := s.mover.settle(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	size := func() int64 {
		t.Helper()
		if _, err := s.writer.conn.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	record(9, 10)
	known, err := s.ClaimSamples(ctx, time.Now(), time.Minute, 1)
	if err != nil || len(known) != 1 {
		t.Fatal(known, err)
	}
	if _, err := s.SaveCheck(ctx, outcome.Check{Sample: known[0].ID, Task: known[0].Outcome.Task, Miner: known[0].Outcome.Miner, Quality: 1, E: 1}, judgement.Default()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		record(9, 20_000) // of who has been checked
	}
	full := size()
	for range 100 {
		record(8, 20_000) // of a stranger
	}
	if p, err := s.Pending(ctx); err != nil || p > most || p < 15 {
		t.Errorf("%d samples wait, want at most %d bytes of them: %v", p, bytes, err)
	}
	if grown := size(); grown > full+100_000 {
		t.Errorf("the database grew from %d to %d bytes while the queue was full", full, grown)
	}
	waiting, err := s.ClaimSamples(ctx, time.Now(), time.Minute, 999)
	if err != nil {
		t.Fatal(err)
	}
	for _, sm := range waiting {
		if sm.Outcome.Miner[0] != 8 {
			t.Errorf("a sample of who has been checked was kept, and one of a stranger was not")
			break
		}
	}
	if err := s.DropSample(ctx, waiting[0].ID); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		record(8, 10)
	}
	if p, err := s.Pending(ctx); err != nil || p != most {
		t.Errorf("%d samples wait, want %d: %v", p, most, err)
	}
	if list, err := s.OutcomesAfter(ctx, 0, 999); err != nil || len(list) != n {
		t.Errorf("%d outcomes of %d: %v", len(list), n, err)
	}
}
