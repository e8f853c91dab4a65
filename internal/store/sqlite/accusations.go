package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/store"
)

const (
	insertAccusation = `INSERT INTO accusations (answer, validator, miner, task, at, e, test, reference, checked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`
	newAccusations  = `SELECT answer, validator, miner, task, at, e, test, reference, checked FROM accusations INDEXED BY accusations_at WHERE at >= ? ORDER BY at DESC, answer LIMIT ?`
	trimAccusations = `DELETE FROM accusations WHERE answer IN (SELECT answer FROM accusations INDEXED BY accusations_at ORDER BY at DESC, answer LIMIT -1 OFFSET ?)`
)

// SaveAccusation implements store.Store.
func (s *Store) SaveAccusation(ctx context.Context, a outcome.Accusation) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	if math.IsNaN(a.E) || len(a.Task)+len(a.Test)+len(a.Reference) > 4096 {
		return fmt.Errorf("save an accusation of %s: evidence of %v, or texts over 4096 bytes", a.Miner, a.E)
	}
	return s.writer.tx(ctx, "save an accusation", func(ctx context.Context, conn *sql.Conn) error {
		a.Checked = 0
		err := each(ctx, conn, func(r *sql.Rows) error {
			var since int64
			var state []byte
			if err := r.Scan(&since, &state); err != nil {
				return err
			}
			known, err := judgement.Decode(state)
			a.Checked = known.Checked
			return err
		}, oneJudgement, a.Miner[:], a.Task)
		if err != nil {
			return fmt.Errorf("read the judgement of %s on %s: %w", a.Miner, a.Task, err)
		}
		if _, err := conn.ExecContext(ctx, insertAccusation, a.Answer[:], a.Validator[:], a.Miner[:], a.Task, nanos(a.At), a.E, a.Test, a.Reference, a.Checked); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, trimAccusations, store.MaxAccusations)
		return err
	})
}

// Accusations implements store.Store.
func (s *Store) Accusations(ctx context.Context, since time.Time) ([]outcome.Accusation, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (a outcome.Accusation, err error) {
		var answer, validator, miner sql.RawBytes
		var at int64
		err = r.Scan(&answer, &validator, &miner, &a.Task, &at, &a.E, &a.Test, &a.Reference, &a.Checked)
		copy(a.Answer[:], answer)
		copy(a.Validator[:], validator)
		copy(a.Miner[:], miner)
		a.At = timeAt(at)
		return a, err
	}, newAccusations, nanos(since), store.MaxAccusations)
	if err != nil {
		return nil, fmt.Errorf("list accusations: %w", err)
	}
	return list, nil
}
