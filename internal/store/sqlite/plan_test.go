package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vision/internal/outcome"
)

// The queries that run all the time never read a whole table or sort it.
func TestQueryPlans(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "v.db"), Options{})
	defer closed(t, s)
	for name, c := range map[string]struct {
		text string
		args []any
		want string
	}{
		"OutcomesAfter":       {outcomesAfter, []any{5, 5}, "SEARCH outcomes USING INTEGER PRIMARY KEY (rowid>?)"},
		"Features":            {newestFeatures, []any{"chat", 5}, "SEARCH features USING INDEX features_newest (kind=?)"},
		"ClaimSamples":        {dueSamples, []any{5, 5}, "SCAN samples USING COVERING INDEX samples_queue"}, // in order, so LIMIT ends it
		"ClaimSamples, but":   {dueOthers, []any{5, `["a"]`, 5}, "SCAN samples USING INDEX samples_queue"},
		"DropSamples":         {oldSamples, []any{5, 5}, "SEARCH samples USING COVERING INDEX samples_start (start<?)"},
		"Checks":              {minerChecks, []any{[]byte{1}, 5}, "SEARCH checks USING INDEX checks_miner (miner=?)"},
		"Checks in a task":    {pairChecks, []any{[]byte{1}, "a", 5}, "SEARCH checks USING INDEX checks_pair (miner=? AND task=?)"},
		"FoldedChecks":        {foldedChecks, []any{1, 2, 5}, "SEARCH checks USING INDEX checks_folded ("},
		"UnfoldedChecks":      {unfoldedChecks, []any{5}, "SCAN checks USING INDEX checks_unfolded"}, // in order
		"CheckCounts":         {checkCounts, []any{5}, "SEARCH checks USING COVERING INDEX checks_at (at>?)"},
		"LastPeriod":          {lastPeriod, nil, "SCAN periods"}, // from its end, LIMIT 1
		"Contenders":          {periodContenders, []any{1}, "SEARCH c USING PRIMARY KEY (period=?)"},
		"Results":             {periodResults, []any{1}, "SEARCH r USING PRIMARY KEY (period=?)"},
		"LastResults":         {pairResult, []any{1, []byte{1}, "a"}, "SEARCH c USING PRIMARY KEY (period=?)"},
		"a judgement":         {oneJudgement, []any{[]byte{1}, "a"}, "SEARCH judgements USING PRIMARY KEY (miner=? AND task=?)"},
		"places":              {movePlaces, []any{[]byte{1}, "a", 5}, "SEARCH samples USING INDEX samples_pair (miner=? AND task=?)"},
		"Evidence":            {pairEvidence, []any{[]byte{1}, "a", 1, 5}, "SEARCH evidence USING INDEX evidence_pair (miner=? AND task=? AND proves=?)"},
		"Copies":              {allCopies, []any{5}, "SCAN copies USING INDEX copies_at"}, // from its end, in order
		"a miner's Copies":    {minerCopies, []any{[]byte{1}, 5}, "SEARCH copies USING INDEX copies_miner (miner=?)"},
		"copies of a miner's": {otherCopies, []any{[]byte{1}, 5}, "SEARCH copies USING INDEX copies_other (other=?)"},
		"evidence's size":     {evidenceSize, nil, "SCAN evidence USING COVERING INDEX evidence_age"}, // a few thousand rows at most of a network of 256 miners
		"the oldest evidence": {`SELECT sample FROM evidence INDEXED BY evidence_age WHERE size > 0 ORDER BY proves, at LIMIT 1`, nil, "SCAN evidence USING COVERING INDEX evidence_age"},
	} {
		steps, err := query(ctx, s.reads, func(r *sql.Rows) (step string, err error) {
			var a, b, c int
			return step, r.Scan(&a, &b, &c, &step)
		}, "EXPLAIN QUERY PLAN "+c.text, c.args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plan := strings.Join(steps, "; ")
		if !strings.Contains(plan, c.want) || strings.Contains(plan, "TEMP B-TREE FOR ORDER BY") {
			t.Errorf("%s: plan %q, want %q and no sorting", name, plan, c.want)
		}
		if n := strings.Count(plan, "SCAN "); n > 0 && !strings.HasPrefix(c.want, "SCAN") {
			t.Errorf("%s: plan %q scans a table", name, plan)
		}
	}
}

// Checks that were taken in are looked for from the period on, and not from the first ever: plans of both are called the same, so this
// looks at what the search begins with.
func TestFoldedChecksAreSearchedFromThePeriod(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "v.db"), Options{})
	defer closed(t, s)
	given := map[int64]bool{} // registers that hold arguments
	_, err := query(ctx, s.reads, func(r *sql.Rows) (struct{}, error) {
		var at, p1, p2, p3 int64
		var op string
		var rest [3]any
		err := r.Scan(&at, &op, &p1, &p2, &p3, &rest[0], &rest[1], &rest[2])
		switch {
		case op == "Variable":
			given[p2] = true
		case strings.HasPrefix(op, "Seek") && !given[p3]:
			t.Errorf("step %d: %s begins with what is in register %d, which is no argument", at, op, p3)
		}
		return struct{}{}, err
	}, "EXPLAIN "+foldedChecks, 7, 8, 9)
	if err != nil || len(given) == 0 {
		t.Fatalf("arguments are in %v, %v", given, err)
	}
}

// With 20,000 outcomes and 1,000 samples, whatever a period does is quick.
func TestManyOutcomes(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "v.db"), Options{})
	defer closed(t, s)
	const n = 20_000
	begin := benchOutcome().Start
	batch := make([]outcome.Entry, 0, 500)
	for i := range n {
		e := outcome.Entry{Outcome: benchOutcome()}
		e.Outcome.Start = begin.Add(time.Duration(i) * time.Millisecond)
		e.Outcome.Request = fmt.Sprint(i)
		e.Outcome.Miner[0] = byte(i)
		if i%20 == 0 {
			e.Sample = &outcome.Sample{Outcome: e.Outcome, Response: []byte("data")}
		}
		if batch = append(batch, e); len(batch) == cap(batch) {
			if err := s.Record(ctx, batch...); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	if p, err := s.Pending(ctx); err != nil || p != n/20 {
		t.Fatalf("%d pending, %v", p, err)
	}
	// How they are found is the plans' matter, above; how fast, the benchmarks'.
	for name, c := range map[string]struct {
		call func() (int, error)
		want int
	}{
		"the last 100 outcomes": {func() (int, error) {
			l, err := s.OutcomesAfter(ctx, n-100, 1000)
			return len(l), err
		}, 100},
		"1,000 outcomes from the middle": {func() (int, error) {
			l, err := s.OutcomesAfter(ctx, n/2, 1000)
			return len(l), err
		}, 1000},
		"the place of a recent time": {func() (int, error) {
			seq, err := s.SeqBefore(ctx, begin.Add((n-100)*time.Millisecond))
			return int(seq), err
		}, n - 100},
		"a claim": {func() (int, error) {
			l, err := s.ClaimSamples(ctx, begin, time.Hour, 10)
			return len(l), err
		}, 10},
		"pending": {func() (int, error) { return s.Pending(ctx) }, n / 20},
	} {
		if got, err := c.call(); err != nil || got != c.want {
			t.Errorf("%s: %d, want %d (%v)", name, got, c.want, err)
		}
	}
}
