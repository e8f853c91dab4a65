package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"vision/internal/outcome"
	"vision/internal/store"
	"vision/internal/task"
)

var records = sync.Pool{New: func() any { return new([]byte) }}

// Record implements store.Store. It gives up on ctx before it has begun to
// write, and not later: the write takes microseconds, or one fsync.
func (s *Store) Record(ctx context.Context, entries ...outcome.Entry) error {
	if s.readOnly {
		return errReadOnly
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("record outcomes: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	for i := range entries {
		if err := check(&entries[i]); err != nil {
			return err
		}
	}
	if s.mover.waiting() > maxWaiting {
		if err := s.mover.settle(ctx); err != nil {
			return fmt.Errorf("record outcomes: the journal is full and the database does not take them: %w", err)
		}
	}
	record := records.Get().(*[]byte)
	*record = appendEntries((*record)[:0], entries)
	err := s.journal.Append(*record)
	if cap(*record) <= 1<<20 {
		records.Put(record)
	}
	if err != nil {
		return fmt.Errorf("record outcomes: %w", err)
	}
	s.mover.poke()
	return nil
}

const (
	outcomesAfter = `SELECT * FROM outcomes WHERE seq > ? ORDER BY seq LIMIT ?`
	// Outcomes are written when they end, so seq is nearly the order of start:
	// this walks back over those of after t only.
	seqBefore      = `SELECT seq FROM outcomes WHERE start < ? ORDER BY seq DESC LIMIT 1`
	newestFeatures = `SELECT stream, turns, prompt_bytes, output, temperature, top_p, size FROM features WHERE kind = ? ORDER BY id DESC LIMIT ?`
)

// OutcomesAfter implements store.Store.
func (s *Store) OutcomesAfter(ctx context.Context, after int64, limit int) ([]store.Numbered, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (n store.Numbered, err error) {
		o := &n.Outcome
		var miner sql.RawBytes
		var start int64
		err = r.Scan(&n.Seq, &o.Request, &o.Try, &o.Last, &o.Key, &o.Source, &o.Task, &miner, &o.Status, &o.Reason,
			&o.Stream, &o.Work, &o.PromptWork, &start, &o.FirstOutput, &o.Total,
			&o.Arrivals.Chunks, &o.Arrivals.Longest, &o.Arrivals.Burst, &o.Blocked,
			&o.Floor, &o.Arrivals.Mean, &o.Arrivals.Gap95, &o.Asked, &o.Beacon.Time, &o.Beacon.Work)
		copy(o.Miner[:], miner)
		o.Start = timeAt(start)
		return n, err
	}, outcomesAfter, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list outcomes: %w", err)
	}
	return list, nil
}

// SeqBefore implements store.Store. Its cost is that of the outcomes since t.
func (s *Store) SeqBefore(ctx context.Context, t time.Time) (int64, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	found, err := query(ctx, s.reads, func(r *sql.Rows) (seq int64, err error) { return seq, r.Scan(&seq) }, seqBefore, nanos(t))
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// Features implements store.Store.
func (s *Store) Features(ctx context.Context, kind string, limit int) ([]task.Features, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (f task.Features, err error) {
		var text string
		err = r.Scan(&f.Stream, &f.Turns, &f.PromptBytes, &f.Output, &f.Temperature, &f.TopP, &text)
		unpack(&f, text)
		return f, err
	}, newestFeatures, kind, limit)
	if err != nil {
		return nil, fmt.Errorf("list the features of %s requests: %w", kind, err)
	}
	return list, nil
}
