package sqlite

import (
	"bytes"
	"compress/flate"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"vision/internal/outcome"
)

// enoughChecks is from where a miner's number of checks in a task no longer
// matters for the order of the queue.
const enoughChecks = 1000

const (
	// One walk along samples_queue, past those that are claimed or postponed.
	dueSamples = `SELECT id FROM samples INDEXED BY samples_queue WHERE due <= ? ORDER BY checks, start, id LIMIT ?`
	// The same walk, past those of some tasks, whose rows it reads.
	dueOthers  = `SELECT id FROM samples INDEXED BY samples_queue WHERE due <= ? AND task NOT IN (SELECT value FROM json_each(?)) ORDER BY checks, start, id LIMIT ?`
	oldSamples = `SELECT id FROM samples INDEXED BY samples_start WHERE start < ? ORDER BY start LIMIT ?`
)

// deleteBatch is how many rows one transaction deletes, so that other writers get their turn.
const deleteBatch = 2000

// body is a stored sample before it is inflated.
type body struct {
	id                int64
	outcome, deflated []byte
	request, response int
	proof             []byte
}

// ClaimSamples implements store.Store.
func (s *Store) ClaimSamples(ctx context.Context, now time.Time, lease time.Duration, limit int, except ...string) ([]outcome.Sample, error) {
	if s.readOnly {
		return nil, errReadOnly
	}
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var claimed []body
	err = s.writer.tx(ctx, "claim samples", func(ctx context.Context, conn *sql.Conn) error {
		text, args := dueSamples, []any{nanos(now), limit}
		if len(except) > 0 {
			names, err := json.Marshal(except)
			if err != nil {
				return err
			}
			text, args = dueOthers, []any{nanos(now), string(names), limit}
		}
		ids, err := query(ctx, conn, integer, text, args...)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := conn.ExecContext(ctx, `UPDATE samples SET due = ? WHERE id = ?`, nanos(now.Add(lease)), id); err != nil {
				return err
			}
			b, err := one(ctx, conn, func(r *sql.Rows) (b body, err error) {
				return b, r.Scan(&b.outcome, &b.request, &b.response, &b.deflated, &b.proof)
			}, `SELECT outcome, request_size, response_size, deflated, proof FROM sample_bodies WHERE id = ?`, id)
			if err != nil {
				return fmt.Errorf("read sample %d: %w", id, err)
			}
			b.id = id
			claimed = append(claimed, b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	samples := make([]outcome.Sample, len(claimed))
	for i, b := range claimed {
		if samples[i], err = b.sample(); err != nil {
			return nil, fmt.Errorf("read sample %d: %w", b.id, err)
		}
	}
	return samples, nil
}

func (b body) sample() (outcome.Sample, error) {
	s := outcome.Sample{ID: b.id}
	if len(b.proof) > 0 {
		s.Proof = b.proof
	}
	var err error
	if s.Outcome, err = b.was(); err != nil {
		return s, err
	}
	both := make([]byte, b.request+b.response)
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(b.deflated)), both); err != nil {
		return s, fmt.Errorf("inflate: %w", err)
	}
	s.Request, s.Response = both[:b.request:b.request], both[b.request:]
	return s, nil
}

// was is the outcome.
func (b body) was() (o outcome.Outcome, err error) {
	var d decoder
	if err := d.reset(b.outcome); err != nil {
		return o, err
	}
	d.outcome(&o)
	return o, d.err
}

// PostponeSample implements store.Store.
func (s *Store) PostponeSample(ctx context.Context, id int64, until time.Time, why string) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	why = strings.ToValidUTF8(why[:min(len(why), 500)], "")
	return s.writer.tx(ctx, fmt.Sprintf("postpone sample %d", id), func(ctx context.Context, conn *sql.Conn) error {
		return changed(ctx, conn, `UPDATE samples SET due = ?, tries = tries + 1, why = ? WHERE id = ?`, nanos(until), why, id)
	})
}

// DropSample implements store.Store.
func (s *Store) DropSample(ctx context.Context, id int64) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	return s.writer.tx(ctx, fmt.Sprintf("drop sample %d", id), func(ctx context.Context, conn *sql.Conn) error {
		return dropSample(ctx, conn, id)
	})
}

// DropSamples implements store.Store. A sample is as old as its outcome's Start.
func (s *Store) DropSamples(ctx context.Context, t time.Time) (int, error) {
	if s.readOnly {
		return 0, errReadOnly
	}
	done, err := s.settled(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	for dropped := 0; ; {
		n := 0
		err := s.writer.tx(ctx, "drop old samples", func(ctx context.Context, conn *sql.Conn) error {
			ids, err := query(ctx, conn, integer, oldSamples, nanos(t), deleteBatch)
			if err != nil {
				return err
			}
			n = len(ids)
			for _, id := range ids {
				if err := dropSample(ctx, conn, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return dropped, err
		}
		dropped += n
		if n < deleteBatch {
			return dropped, nil
		}
	}
}

func dropSample(ctx context.Context, conn *sql.Conn, id int64) error {
	if err := changed(ctx, conn, `DELETE FROM samples WHERE id = ?`, id); err != nil {
		return err
	}
	return changed(ctx, conn, `DELETE FROM sample_bodies WHERE id = ?`, id)
}

// Pending implements store.Store.
func (s *Store) Pending(ctx context.Context) (int, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	n, err := one(ctx, s.reads, integer, `SELECT count(*) FROM samples`)
	if err != nil {
		return 0, fmt.Errorf("count pending samples: %w", err)
	}
	return int(n), nil
}
