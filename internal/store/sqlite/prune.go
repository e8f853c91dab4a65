package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"vision/internal/outcome"
)

// Prune implements store.Store. It never touches the ledger, receipts and the
// sums of them. It works in many short transactions, so an
// error leaves the rest for the next call; nothing half-deleted is left.
func (s *Store) Prune(ctx context.Context, t time.Time) error {
	if s.readOnly {
		return errReadOnly
	}
	done, err := s.settled(ctx)
	if err != nil {
		return err
	}
	defer done()
	before := nanos(t)
	for _, p := range []struct{ table, key, when string }{
		{"outcomes", "seq", "start + total + blocked"},
		{"features", "id", "at"},
		{"checks", "sample", "at"},
		{"copies", "sample", "at"},
		{"claims", "id", "expires"},
	} {
		if err := s.pruneRows(ctx, p.table, p.key, p.when, before); err != nil {
			return err
		}
	}
	err = s.writer.tx(ctx, "prune evidence and judgements", func(ctx context.Context, conn *sql.Conn) error {
		for statement, before := range map[string]int64{
			`DELETE FROM accusations WHERE at < ?`:                 nanos(t.Add(-outcome.AccusedMemory)), // or what was judged could be shown again
			`DELETE FROM evidence WHERE proves = 0 AND at < ?`:     before,
			`DELETE FROM judgements WHERE convicts = 0 AND at < ?`: before,
		} {
			if _, err := conn.ExecContext(ctx, statement, before); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	ids, err := query(ctx, s.reads, integer, `SELECT id FROM periods WHERE end < ?`, before)
	if err != nil {
		return fmt.Errorf("prune periods: %w", err)
	}
	for _, id := range ids {
		if err := s.prunePeriod(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// pruneRows looks through the table by key on the read pool, and takes the
// write lock only for stretches with something to delete.
func (s *Store) pruneRows(ctx context.Context, table, key, when string, before int64) error {
	type stretch struct{ last, old int64 }
	look := fmt.Sprintf(`SELECT coalesce(max(%[1]s), 0), coalesce(sum(w < ?2), 0) FROM (SELECT %[1]s, %[2]s AS w FROM %[3]s WHERE %[1]s > ?1 ORDER BY %[1]s LIMIT %[4]d)`, key, when, table, deleteBatch)
	remove := fmt.Sprintf(`DELETE FROM %[3]s WHERE %[1]s > ? AND %[1]s <= ? AND %[2]s < ?`, key, when, table)
	for after := int64(0); ; {
		found, err := one(ctx, s.reads, func(r *sql.Rows) (f stretch, err error) { return f, r.Scan(&f.last, &f.old) }, look, after, before)
		if err != nil {
			return fmt.Errorf("prune %s: %w", table, err)
		}
		if found.last == 0 {
			return nil
		}
		if found.old > 0 {
			err := s.writer.tx(ctx, "prune "+table, func(ctx context.Context, conn *sql.Conn) error {
				_, err := conn.ExecContext(ctx, remove, after, found.last, before)
				return err
			})
			if err != nil {
				return err
			}
		}
		after = found.last
	}
}

func (s *Store) prunePeriod(ctx context.Context, id int64) error {
	return s.writer.tx(ctx, fmt.Sprintf("prune period %d", id), func(ctx context.Context, conn *sql.Conn) error {
		for _, statement := range []string{
			`DELETE FROM miner_weights WHERE vector IN (SELECT id FROM weights WHERE period = ?)`,
			`DELETE FROM weights WHERE period = ?`,
			`DELETE FROM results WHERE period = ?`,
			`DELETE FROM bursts WHERE period = ?`,
			`DELETE FROM beacons WHERE period = ?`,
			`DELETE FROM states WHERE period = ?`,
			`DELETE FROM contenders WHERE period = ?`,
			`DELETE FROM periods WHERE id = ?`,
		} {
			if _, err := conn.ExecContext(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
}
