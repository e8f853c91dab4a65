package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"

	"vision/internal/judgement"
	"vision/internal/outcome"
)

const (
	oneJudgement  = `SELECT since, state FROM judgements WHERE miner = ? AND task = ?`
	saveJudgement = `INSERT INTO judgements (miner, task, at, since, standing, convicts, weak, place, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET at = excluded.at, since = excluded.since, standing = excluded.standing, convicts = excluded.convicts, weak = excluded.weak, place = excluded.place, state = excluded.state`
	allJudgements = `SELECT miner, task, at, since, weak, state FROM judgements ORDER BY miner, task`
	movePlaces    = `UPDATE samples INDEXED BY samples_pair SET checks = ?3 WHERE miner = ?1 AND task = ?2 AND checks <> ?3`
)

// judge adds a check to what is known of its miner, and fills in what follows.
func judge(ctx context.Context, conn *sql.Conn, c *outcome.Check, rules judgement.Rules) (change judgement.Change, err error) {
	since := nanos(c.At)
	err = each(ctx, conn, func(r *sql.Rows) (err error) {
		var state []byte
		if err := r.Scan(&since, &state); err != nil {
			return err
		}
		change.Before, err = judgement.Decode(state)
		return err
	}, oneJudgement, c.Miner[:], c.Task)
	if err != nil {
		return change, fmt.Errorf("read the judgement of %s on %s: %w", c.Miner, c.Task, err)
	}
	observe := rules.Observe
	if c.Abandoned {
		observe = rules.ObservePart
	}
	if change.After, err = observe(change.Before, c.E); err != nil {
		return change, err
	}
	now := change.After
	if change.Standing() {
		since = nanos(c.At)
	}
	c.Quality = min(c.Quality, rules.Quality(now))
	c.Number, c.Standing, c.Wealth, c.Convicted = now.Checked, now.Standing, now.Wealth(), change.Convicts()
	state, err := now.AppendBinary(nil)
	if err != nil {
		return change, err
	}
	_, err = conn.ExecContext(ctx, saveJudgement, c.Miner[:], c.Task, nanos(c.At), since, int64(now.Standing), now.Convictions, c.Weak, placeOf(now), state)
	if err == nil {
		_, err = conn.ExecContext(ctx, movePlaces, c.Miner[:], c.Task, placeOf(now))
	}
	return change, err
}

// placeOf is the place in the queue of a pair's samples: those with few checks come
// first, and those that are watched as if they had an eighth of theirs. It is exact to
// an eighth, so that samples that wait need not be moved at every check.
func placeOf(s judgement.State) int64 {
	place := min(s.Checked, enoughChecks)
	if s.Standing == judgement.Watched {
		place /= 8
	}
	if drop := bits.Len64(uint64(place)) - 4; drop > 0 {
		place = place >> drop << drop
	}
	return place
}

// Judgements implements store.Store.
func (s *Store) Judgements(ctx context.Context) ([]outcome.Judgement, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (j outcome.Judgement, err error) {
		var id, state sql.RawBytes
		var at, since int64
		if err := r.Scan(&id, &j.Task, &at, &since, &j.Weak, &state); err != nil {
			return j, err
		}
		copy(j.Miner[:], id)
		j.At, j.Since = timeAt(at), timeAt(since)
		j.State, err = judgement.Decode(state)
		return j, err
	}, allJudgements)
	if err != nil {
		return nil, fmt.Errorf("list judgements: %w", err)
	}
	return list, nil
}
