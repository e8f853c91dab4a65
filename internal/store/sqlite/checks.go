package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/store"
)

const (
	checkFields  = `sample, task, miner, source, at, quality, speed, work, test, detail, e, untimed, reference, again, failed, weak, abandoned, number, standing, wealth, convicted`
	checkColumns = `SELECT ` + checkFields + ` FROM checks `
	minerChecks  = checkColumns + `INDEXED BY checks_miner WHERE miner = ? ORDER BY at DESC, sample DESC LIMIT ?`
	pairChecks   = checkColumns + `INDEXED BY checks_pair WHERE miner = ? AND task = ? ORDER BY at DESC, sample DESC LIMIT ?`
	checkCounts  = `SELECT miner, task, count(*) FROM checks INDEXED BY checks_at WHERE at >= ? GROUP BY miner, task`
	insertCheck  = `INSERT INTO checks (` + checkFields + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// SaveCheck implements store.Store. The verdict, what follows for the miner, and
// the evidence are written together or not at all.
func (s *Store) SaveCheck(ctx context.Context, c outcome.Check, rules judgement.Rules) (change judgement.Change, err error) {
	done, err := s.writing()
	if err != nil {
		return change, err
	}
	defer done()
	if math.IsNaN(c.Quality) || math.IsNaN(c.Speed) {
		return change, fmt.Errorf("save the check of sample %d: quality %v or speed %v is not a number", c.Sample, c.Quality, c.Speed)
	}
	err = s.writer.tx(ctx, fmt.Sprintf("save the check of sample %d", c.Sample), func(ctx context.Context, conn *sql.Conn) error {
		if err := changed(ctx, conn, `DELETE FROM samples WHERE id = ?`, c.Sample); err != nil {
			return err
		}
		if change, err = judge(ctx, conn, &c, rules); err != nil {
			return err
		}
		if err := keepEvidence(ctx, conn, &c, change); err != nil {
			return err
		}
		if err := keepCopy(ctx, conn, &c); err != nil {
			return err
		}
		if err := changed(ctx, conn, `DELETE FROM sample_bodies WHERE id = ?`, c.Sample); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, insertCheck, c.Sample, c.Task, c.Miner[:], int64(c.Source), nanos(c.At), c.Quality, c.Speed, c.Work, c.Test, c.Detail, c.E, c.Untimed,
			c.Reference, c.Again, c.Failed, c.Weak, c.Abandoned, c.Number, int64(c.Standing), c.Wealth, c.Convicted)
		return err
	})
	return change, err
}

// Checks implements store.Store.
func (s *Store) Checks(ctx context.Context, miner hotkey.ID, task string, limit int) ([]outcome.Check, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	text, args := minerChecks, []any{miner[:], limit}
	if task != "" {
		text, args = pairChecks, []any{miner[:], task, limit}
	}
	list, err := query(ctx, s.reads, oneCheck, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list the checks of %s: %w", miner, err)
	}
	return list, nil
}

func oneCheck(r *sql.Rows) (outcome.Check, error) { return scanCheck(r) }

// scanCheck reads checkFields, and what is selected behind them.
func scanCheck(r *sql.Rows, more ...any) (c outcome.Check, err error) {
	var id sql.RawBytes
	var at int64
	err = r.Scan(append([]any{&c.Sample, &c.Task, &id, &c.Source, &at, &c.Quality, &c.Speed, &c.Work, &c.Test, &c.Detail, &c.E, &c.Untimed,
		&c.Reference, &c.Again, &c.Failed, &c.Weak, &c.Abandoned, &c.Number, &c.Standing, &c.Wealth, &c.Convicted}, more...)...)
	copy(c.Miner[:], id)
	c.At = timeAt(at)
	return c, err
}

// CheckCounts implements store.Store.
func (s *Store) CheckCounts(ctx context.Context, since time.Time) (map[store.Pair]int, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	counts := map[store.Pair]int{}
	_, err = query(ctx, s.reads, func(r *sql.Rows) (_ struct{}, err error) {
		var p store.Pair
		var id sql.RawBytes
		var n int
		err = r.Scan(&id, &p.Task, &n)
		copy(p.Miner[:], id)
		counts[p] = n
		return struct{}{}, err
	}, checkCounts, nanos(since))
	if err != nil {
		return nil, fmt.Errorf("count checks: %w", err)
	}
	return counts, nil
}
