package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"vision/internal/hotkey"
	"vision/internal/period"
	"vision/internal/score"
)

const (
	lastPeriod       = `SELECT id, start, end, phase, seed FROM periods ORDER BY id DESC LIMIT 1`
	insertContender  = `INSERT INTO contenders (period, uid, task, miner, addr, declared, capacity, share, probes, slots, offer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	joinContender    = insertContender + ` ON CONFLICT (period, uid, task) DO UPDATE SET addr = excluded.addr WHERE miner = excluded.miner`
	contenderColumns = `c.period, c.uid, c.task, c.miner, c.addr, c.declared, c.capacity, c.share, c.probes, c.slots, c.offer`
	periodContenders = `SELECT ` + contenderColumns + ` FROM contenders c WHERE c.period = ? ORDER BY c.uid, c.task`
	periodResults    = `SELECT ` + contenderColumns + `, r.requests, r.ok, r.rate_limited, r.failed, r.consumed, r.declared, r.score, r.valid
		FROM results r JOIN contenders c USING (period, uid, task) WHERE r.period = ? ORDER BY r.uid, r.task`
	scoredPeriods = `SELECT id, end FROM periods WHERE phase >= ? ORDER BY id DESC LIMIT ?`
	pairResult    = `SELECT r.requests, r.ok, r.rate_limited, r.failed, r.consumed, r.declared
		FROM contenders c JOIN results r USING (period, uid, task) WHERE c.period = ? AND c.miner = ? AND c.task = ?`
)

// StartPeriod implements store.Store.
func (s *Store) StartPeriod(ctx context.Context, p period.Period, contenders []period.Contender) (period.Period, error) {
	done, err := s.writing()
	if err != nil {
		return p, err
	}
	defer done()
	p.Phase = period.Running
	err = s.writer.tx(ctx, "start a period", func(ctx context.Context, conn *sql.Conn) (err error) {
		p.ID, err = inserted(ctx, conn, `INSERT INTO periods (start, end, phase, seed) VALUES (?, ?, ?, ?)`,
			nanos(p.Start), nanos(p.End), int64(p.Phase), int64(p.Seed))
		if err != nil {
			return err
		}
		return conn.Raw(func(raw any) error {
			return addContenders(ctx, raw, insertContender, p.ID, contenders)
		})
	})
	if err != nil {
		p.ID = 0
	}
	return p, err
}

// JoinPeriod implements store.Store.
func (s *Store) JoinPeriod(ctx context.Context, id int64, contenders []period.Contender) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	return s.writer.tx(ctx, fmt.Sprintf("join period %d", id), func(ctx context.Context, conn *sql.Conn) error {
		err := changed(ctx, conn, `UPDATE periods SET phase = phase WHERE id = ? AND phase = ?`, id, int64(period.Running))
		if err != nil {
			return fmt.Errorf("no such period is running: %w", err)
		}
		return conn.Raw(func(raw any) error { return addContenders(ctx, raw, joinContender, id, contenders) })
	})
}

// addContenders runs a statement that writes one contender for each.
func addContenders(ctx context.Context, raw any, statement string, id int64, contenders []period.Contender) error {
	insert, err := prepare(ctx, raw, statement, 11)
	if err != nil {
		return err
	}
	for i := range contenders {
		c := &contenders[i]
		offer, err := offerText(&c.Offer)
		var added sql.Result
		if err == nil {
			added, err = insert.exec(ctx, id, int64(c.UID), c.Task, c.Miner[:], c.Addr, c.Declared, c.Capacity, c.Share, int64(c.Probes), int64(c.Slots), offer)
		}
		rows := int64(0)
		if err == nil {
			rows, err = added.RowsAffected()
		}
		if err == nil && rows != 1 {
			err = errors.New("another miner contends under this uid")
		}
		if err != nil {
			return errors.Join(fmt.Errorf("contender %s (uid %d) in %s: %w", c.Miner, c.UID, c.Task, err), insert.close())
		}
	}
	return insert.close()
}

// LastPeriod implements store.Store.
func (s *Store) LastPeriod(ctx context.Context) (period.Period, error) {
	done, err := s.reading()
	if err != nil {
		return period.Period{}, err
	}
	defer done()
	p, err := one(ctx, s.reads, func(r *sql.Rows) (p period.Period, err error) {
		var start, end, seed int64
		err = r.Scan(&p.ID, &start, &end, &p.Phase, &seed)
		p.Start, p.End, p.Seed = timeAt(start), timeAt(end), uint64(seed)
		return p, err
	}, lastPeriod)
	if err != nil {
		return p, fmt.Errorf("read the last period: %w", err)
	}
	return p, nil
}

// scanContender scans the contender's columns, and then more.
func scanContender(r *sql.Rows, c *period.Contender, more ...any) error {
	var miner, offer sql.RawBytes
	err := r.Scan(append([]any{&c.Period, &c.UID, &c.Task, &miner, &c.Addr, &c.Declared, &c.Capacity, &c.Share, &c.Probes, &c.Slots, &offer}, more...)...)
	copy(c.Miner[:], miner)
	if err != nil {
		return err
	}
	return readOffer(offer, &c.Offer)
}

// Contenders implements store.Store.
func (s *Store) Contenders(ctx context.Context, id int64) ([]period.Contender, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (c period.Contender, err error) {
		return c, scanContender(r, &c)
	}, periodContenders, id)
	if err != nil {
		return nil, fmt.Errorf("list the contenders of period %d: %w", id, err)
	}
	return list, nil
}

// FinishPeriod implements store.Store.
func (s *Store) FinishPeriod(ctx context.Context, id int64, c period.Closing) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	return s.writer.tx(ctx, fmt.Sprintf("finish period %d", id), func(ctx context.Context, conn *sql.Conn) error {
		err := changed(ctx, conn, `UPDATE periods SET phase = ? WHERE id = ? AND phase = ?`, int64(period.Scored), id, int64(period.Running))
		if err != nil {
			return fmt.Errorf("no such period is running: %w", err)
		}
		if err := saveClosing(ctx, conn, id, &c); err != nil {
			return err
		}
		return conn.Raw(func(raw any) error {
			insert, err := prepare(ctx, raw, `INSERT INTO results SELECT period, uid, task, ?, ?, ?, ?, ?, ?, ?, ? FROM contenders WHERE period = ? AND uid = ? AND task = ? AND miner = ?`, 12)
			if err != nil {
				return err
			}
			for i := range c.Results {
				if err := addResult(ctx, insert, id, &c.Results[i]); err != nil {
					return errors.Join(err, insert.close())
				}
			}
			return insert.close()
		})
	})
}

func addResult(ctx context.Context, insert *statement, id int64, r *period.Result) error {
	score, n := r.Score, r.Counts
	if !r.Valid && math.IsNaN(score) {
		score = 0
	}
	added, err := insert.exec(ctx, int64(n.Requests), int64(n.OK), int64(n.RateLimited), int64(n.Failed), n.Consumed, n.Declared, score, r.Valid,
		id, int64(r.UID), r.Task, r.Miner[:])
	rows := int64(0)
	if err == nil {
		rows, err = added.RowsAffected()
	}
	if err == nil && rows != 1 {
		err = errors.New("the period did not start with this contender")
	}
	if err != nil {
		return fmt.Errorf("result of %s (uid %d) in %s: %w", r.Miner, r.UID, r.Task, err)
	}
	return nil
}

// Results implements store.Store.
func (s *Store) Results(ctx context.Context, n int) ([]period.Result, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	ids, err := query(ctx, s.reads, integer, `SELECT id FROM periods WHERE phase >= ? ORDER BY id DESC LIMIT ?`, int64(period.Scored), n)
	if err != nil {
		return nil, fmt.Errorf("list scored periods: %w", err)
	}
	var all []period.Result
	for _, id := range ids {
		list, err := query(ctx, s.reads, func(rows *sql.Rows) (r period.Result, err error) {
			n := &r.Counts
			return r, scanContender(rows, &r.Contender, &n.Requests, &n.OK, &n.RateLimited, &n.Failed, &n.Consumed, &n.Declared, &r.Score, &r.Valid)
		}, periodResults, id)
		if err != nil {
			return nil, fmt.Errorf("list the results of period %d: %w", id, err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// LastResults implements store.Store.
func (s *Store) LastResults(ctx context.Context, miner hotkey.ID, task string, n int) ([]period.Past, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	periods, err := query(ctx, s.reads, func(rows *sql.Rows) (p period.Past, err error) {
		var end int64
		err = rows.Scan(&p.Period, &end)
		p.End = timeAt(end)
		return p, err
	}, scoredPeriods, int64(period.Scored), n)
	if err != nil {
		return nil, fmt.Errorf("list scored periods: %w", err)
	}
	list := []period.Past{}
	for _, p := range periods {
		counts, err := query(ctx, s.reads, func(rows *sql.Rows) (c score.Counts, err error) {
			return c, rows.Scan(&c.Requests, &c.OK, &c.RateLimited, &c.Failed, &c.Consumed, &c.Declared)
		}, pairResult, p.Period, miner[:], task)
		if err != nil {
			return nil, fmt.Errorf("read what a miner was asked in period %d: %w", p.Period, err)
		}
		if len(counts) > 0 {
			p.Counts = counts[0]
			list = append(list, p)
		}
	}
	return list, nil
}

// SaveWeights implements store.Store.
func (s *Store) SaveWeights(ctx context.Context, w period.Weights) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	return s.writer.tx(ctx, fmt.Sprintf("save the weights of period %d", w.Period), func(ctx context.Context, conn *sql.Conn) error {
		err := changed(ctx, conn, `UPDATE periods SET phase = ? WHERE id = ? AND phase >= ?`, int64(period.Weighted), w.Period, int64(period.Scored))
		if err != nil {
			return fmt.Errorf("no such period is scored: %w", err)
		}
		vector, err := inserted(ctx, conn, `INSERT INTO weights (period, at, taken, note) VALUES (?, ?, ?, ?)`, w.Period, nanos(w.At), w.Set, w.Note)
		if err != nil {
			return err
		}
		return conn.Raw(func(raw any) error {
			insert, err := prepare(ctx, raw, `INSERT INTO miner_weights VALUES (?, ?, ?, ?, ?)`, 5)
			if err != nil {
				return err
			}
			for i := range w.Miners {
				m := &w.Miners[i]
				if _, err := insert.exec(ctx, vector, int64(i), m.Miner[:], int64(m.UID), m.Weight); err != nil {
					return errors.Join(fmt.Errorf("weight of %s: %w", m.Miner, err), insert.close())
				}
			}
			return insert.close()
		})
	})
}

// LastWeights implements store.Store.
func (s *Store) LastWeights(ctx context.Context) (w period.Weights, err error) {
	done, err := s.reading()
	if err != nil {
		return w, err
	}
	defer done()
	var vector int64
	w, err = one(ctx, s.reads, func(r *sql.Rows) (w period.Weights, err error) {
		var at int64
		err = r.Scan(&vector, &w.Period, &at, &w.Set, &w.Note)
		w.At = timeAt(at)
		return w, err
	}, `SELECT id, period, at, taken, note FROM weights ORDER BY id DESC LIMIT 1`)
	if err != nil {
		return w, fmt.Errorf("read the last weights: %w", err)
	}
	// A vector never changes once it is written, so a second query agrees with the first.
	w.Miners, err = query(ctx, s.reads, func(r *sql.Rows) (m period.MinerWeight, err error) {
		var miner sql.RawBytes
		err = r.Scan(&miner, &m.UID, &m.Weight)
		copy(m.Miner[:], miner)
		return m, err
	}, `SELECT miner, uid, weight FROM miner_weights WHERE vector = ? ORDER BY place`, vector)
	if err != nil {
		return period.Weights{}, fmt.Errorf("read the last weights: %w", err)
	}
	return w, nil
}
