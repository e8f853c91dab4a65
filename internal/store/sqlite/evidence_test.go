package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
)

// When evidence takes more room than it may, bytes go and verdicts stay: first the
// oldest of answers that convicted nobody, then the oldest of the others.
func TestEvidenceShrinks(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "v.db"), Options{})
	defer closed(t, s)
	at := time.Unix(1_700_000_000, 0)
	for i, e := range []float64{4, judgement.Proof, 4, judgement.Proof, 4} {
		o := benchOutcome()
		o.Miner, o.Request = hotkey.ID{byte(i + 1)}, fmt.Sprint(i)
		if err := s.Record(ctx, outcome.Entry{Outcome: o, Sample: &outcome.Sample{Outcome: o, Response: []byte("answer")}}); err != nil {
			t.Fatal(err)
		}
		claimed, err := s.ClaimSamples(ctx, at, time.Hour, 1)
		if err != nil || len(claimed) != 1 {
			t.Fatal(claimed, err)
		}
		c := outcome.Check{Sample: claimed[0].ID, Task: o.Task, Miner: o.Miner, At: at.Add(time.Duration(i) * time.Minute), E: e}
		if _, err := s.SaveCheck(ctx, c, judgement.Default()); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (bodies string) {
		t.Helper()
		for i := range 5 {
			list, err := s.Evidence(ctx, hotkey.ID{byte(i + 1)}, benchOutcome().Task, 9)
			if err != nil || len(list) != 1 || list[0].Sample.Outcome.Request != fmt.Sprint(i) {
				t.Fatalf("evidence %d: %+v, %v", i, list, err)
			}
			if string(list[0].Sample.Response) == "answer" {
				bodies += fmt.Sprint(i)
			}
		}
		return bodies
	}
	size, err := one(ctx, s.reads, integer, evidenceSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		bodies int64
		want   string
	}{{5, "01234"}, {4, "1234"}, {3, "134"}, {2, "13"}, {1, "3"}, {0, ""}} {
		err := s.writer.tx(ctx, "shrink", func(ctx context.Context, conn *sql.Conn) error {
			return shrinkEvidence(ctx, conn, size*step.bodies/5)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := kept(); got != step.want {
			t.Errorf("with room for %d, the bodies of %q are kept, want %q", step.bodies, got, step.want)
		}
	}
}
