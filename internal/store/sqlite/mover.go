package sqlite

import (
	"bytes"
	"compress/flate"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/store/journal"
)

const (
	moveEvery  = 100 * time.Millisecond // how long an outcome may wait in the journal
	moveBytes  = 512 << 10              // journal bytes per transaction, about 3,000 outcomes
	adoptEvery = 10 * time.Second       // how often to look for segments of processes that died
	retryAfter = time.Second            // after a transaction that failed
	maxWaiting = 64 << 20               // journal bytes that may wait; beyond, Record waits too
)

// mover takes records from the journal into the database.
type mover struct {
	writer  *writer
	journal *journal.Journal
	log     *slog.Logger

	wake    chan struct{}
	dirty   atomic.Bool  // wake has been sent and the mover not yet begun
	settled atomic.Int64 // journal.Appended up to which all is in the database
	ended   chan struct{}
	quit    context.CancelFunc

	mu      sync.Mutex // one move at a time; guards the rest
	insert  *inserter
	decoder decoder
	owed    []ledger.Receipt // of the move under way, to be booked with it
	queue   queue
}

func newMover(w *writer, j *journal.Journal, o Options) *mover {
	return &mover{writer: w, journal: j, log: o.Log, wake: make(chan struct{}, 1), queue: newQueue(o)}
}

func (m *mover) start() {
	ctx, quit := context.WithCancel(context.Background())
	m.quit, m.ended = quit, make(chan struct{})
	go func() {
		defer close(m.ended)
		m.run(ctx)
	}()
}

// stop ends the goroutine, not before a move under way has ended.
func (m *mover) stop() {
	m.quit()
	<-m.ended
}

// close frees what the mover holds, once it has been stopped.
func (m *mover) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.insert == nil {
		return nil
	}
	err := m.insert.close()
	m.insert = nil
	return err
}

// poke tells the mover that there is something to move.
func (m *mover) poke() {
	if !m.dirty.Load() && m.dirty.CompareAndSwap(false, true) {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
}

func (m *mover) run(ctx context.Context) {
	adopt := time.NewTicker(adoptEvery)
	defer adopt.Stop()
	wait := moveEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-adopt.C:
			if err := m.adopt(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("outcomes of a process that ended are still in its journal", "error", err)
			}
			continue
		case <-m.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = moveEvery
		m.dirty.Store(false)
		if err := m.settle(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("outcomes wait in the journal, the database does not take them", "error", err, "bytes", m.waiting())
			wait = retryAfter
			m.poke()
		}
	}
}

// waiting is how many bytes of records are only in the journal.
func (m *mover) waiting() int64 { return m.journal.Appended() - m.settled.Load() }

// settle moves all that was acknowledged before the call.
func (m *mover) settle(ctx context.Context) error {
	if m.waiting() == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	target := m.journal.Appended()
	if target == m.settled.Load() {
		return nil // whoever had the lock moved it
	}
	if err := m.drainAll(ctx); err != nil {
		return err
	}
	m.settled.Store(target)
	return nil
}

// finish moves all there is, of a journal that was stopped, and removes its files.
func (m *mover) finish(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.drainAll(ctx)
}

func (m *mover) drainAll(ctx context.Context) error {
	for _, s := range m.journal.Segments() {
		if err := m.drain(ctx, s); err != nil {
			return fmt.Errorf("journal segment %s: %w", s.Name(), err)
		}
	}
	return nil
}

// adopt moves what other processes left behind.
func (m *mover) adopt(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	segments, err := m.journal.Adopt()
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range segments {
		size := s.End()
		if err := m.drain(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("journal segment %s: %w", s.Name(), err), s.Close())
			continue
		}
		m.log.Info("took over the outcomes of a process that ended", "segment", s.Name(), "bytes", s.End(), "torn", size-s.End())
	}
	return errors.Join(append(errs, m.forget(ctx), m.reap(ctx))...)
}

// drain moves what the segment holds now, and drops it if it will not grow.
func (m *mover) drain(ctx context.Context, s *journal.Segment) error {
	sealed := s.Sealed() // before End: a sealed segment's End is its last
	for end := s.End(); ; {
		next, err := m.move(ctx, s)
		if err != nil {
			return err
		}
		if next >= min(end, s.End()) {
			break
		}
	}
	if !sealed {
		return nil
	}
	// The file first: its position may be forgotten only once it cannot be read again.
	if err := m.journal.Drop(s); err != nil {
		return err
	}
	return m.writer.tx(ctx, "forget a journal segment", func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `DELETE FROM journals WHERE name = ?`, s.Name())
		return err
	})
}

// move takes the segment's next records into the database, in one transaction
// with the position behind them. The position is always the database's own.
func (m *mover) move(ctx context.Context, s *journal.Segment) (next int64, err error) {
	err = m.writer.tx(ctx, "move outcomes into the database", func(ctx context.Context, conn *sql.Conn) error {
		var from int64
		err := conn.QueryRowContext(ctx, `SELECT position FROM journals WHERE name = ?`, s.Name()).Scan(&from)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = conn.Raw(func(raw any) (err error) {
			if m.insert == nil {
				if m.insert, err = newInserter(ctx, raw); err != nil {
					return err
				}
			}
			m.owed = m.owed[:0]
			next, err = s.Read(from, moveBytes, func(record []byte) error {
				return m.decoder.entries(record, func(e *outcome.Entry) error { return m.entry(ctx, e) })
			})
			return err
		})
		if err != nil || next == from {
			return err
		}
		if err := m.book(ctx, conn, s.Owner()); err != nil {
			return err
		}
		if err := m.queue.bound(ctx, conn, m.insert); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, `INSERT INTO journals VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position`, s.Name(), next)
		return err
	})
	return next, err
}

// entry writes an entry, but for its receipt, which is booked with the others.
func (m *mover) entry(ctx context.Context, e *outcome.Entry) error {
	if e.Receipt != nil {
		m.owed = append(m.owed, *e.Receipt)
	}
	return m.insert.entry(ctx, e)
}

// forget drops positions in segments that are gone: their process was killed
// between the file's removal and the position's.
func (m *mover) forget(ctx context.Context) error {
	return m.writer.tx(ctx, "forget journal segments", func(ctx context.Context, conn *sql.Conn) error {
		names, err := query(ctx, conn, text, `SELECT name FROM journals`)
		if err != nil {
			return err
		}
		for _, name := range names {
			if m.journal.Exists(name) {
				continue
			}
			if _, err := conn.ExecContext(ctx, `DELETE FROM journals WHERE name = ?`, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// inserter holds the statements that write entries.
type inserter struct {
	outcome, sample, body, features, answer *statement

	receipt, charge, cover, usage *statement // see booking.go
	manyReceipts, manyCharges     *statement

	deflated bytes.Buffer // a sample's bodies
	deflate  *flate.Writer
	encoded  []byte

	samples, sampleBytes int64 // written since queue.bound took them into account
}

func newInserter(ctx context.Context, raw any) (*inserter, error) {
	in := &inserter{}
	for _, p := range []struct {
		to     **statement
		params int
		query  string
	}{
		{&in.outcome, 25, `INSERT INTO outcomes VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&in.sample, 4, `INSERT INTO samples (miner, task, start, checks, due, size) VALUES (?1, ?2, ?3, coalesce((SELECT place FROM judgements WHERE miner = ?1 AND task = ?2), 0), 0, ?4)`},
		{&in.body, 6, `INSERT INTO sample_bodies (id, outcome, request_size, response_size, deflated, proof) VALUES (?, ?, ?, ?, ?, ?)`},
		{&in.features, 9, `INSERT INTO features VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&in.answer, 7, `UPDATE claims SET process = '', dropped = ?, status = ?, content_type = ?, body = ? WHERE key = ? AND name = ? AND request = ?`},
		{&in.receipt, 16, insertReceipt},
		{&in.manyReceipts, 16 * batch, insertReceipts},
		{&in.charge, 6, insertCharge},
		{&in.manyCharges, 6 * batch, insertCharges},
		{&in.cover, 6, insertCover},
		{&in.usage, 11, addUsage},
	} {
		s, err := prepare(ctx, raw, p.query, p.params)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare to write outcomes: %w", err), in.close())
		}
		*p.to = s
	}
	return in, nil
}

// close frees the statements, without which SQLite would keep the connection.
func (in *inserter) close() error {
	var errs []error
	for _, s := range []*statement{in.outcome, in.sample, in.body, in.features, in.answer, in.receipt, in.manyReceipts, in.charge, in.manyCharges, in.cover, in.usage} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

func (in *inserter) entry(ctx context.Context, e *outcome.Entry) error {
	o := &e.Outcome
	_, err := in.outcome.exec(ctx,
		o.Request, int64(o.Try), o.Last, o.Key, int64(o.Source), o.Task, o.Miner[:], int64(o.Status), o.Reason,
		o.Stream, o.Work, o.PromptWork, nanos(o.Start), int64(o.FirstOutput), int64(o.Total),
		int64(o.Arrivals.Chunks), int64(o.Arrivals.Longest), o.Arrivals.Burst, int64(o.Blocked),
		int64(o.Floor), int64(o.Arrivals.Mean), int64(o.Arrivals.Gap95), o.Asked, int64(o.Beacon.Time), o.Beacon.Work)
	if err == nil && e.Sample != nil {
		err = in.addSample(ctx, e.Sample)
	}
	if f := e.Features; err == nil && f != nil {
		_, err = in.features.exec(ctx, ended(o), e.Kind, f.Stream, int64(f.Turns), int64(f.PromptBytes), int64(f.Output), f.Temperature, f.TopP, packed(f))
	}
	if a := e.Answer; err == nil && a != nil {
		body := a.Body
		if body == nil {
			body = []byte{}
		}
		_, err = in.answer.exec(ctx, dropped(a), int64(a.Status), a.ContentType, body, a.Key, a.Name, a.Request)
	}
	return err
}

func (in *inserter) addSample(ctx context.Context, s *outcome.Sample) (err error) {
	o := &s.Outcome
	in.deflated.Reset()
	if in.deflate == nil {
		if in.deflate, err = flate.NewWriter(&in.deflated, flate.BestSpeed); err != nil {
			return err
		}
	} else {
		in.deflate.Reset(&in.deflated)
	}
	for _, body := range [][]byte{s.Request, s.Response} {
		if _, err := in.deflate.Write(body); err != nil {
			return err
		}
	}
	if err := in.deflate.Close(); err != nil {
		return err
	}
	added, err := in.sample.exec(ctx, o.Miner[:], o.Task, nanos(o.Start), int64(in.deflated.Len()))
	if err != nil {
		return err
	}
	id, err := added.LastInsertId()
	if err != nil {
		return err
	}
	in.samples++
	in.sampleBytes += int64(in.deflated.Len())
	in.encoded = appendOutcome(append(in.encoded[:0], version), o)
	_, err = in.body.exec(ctx, id, in.encoded, int64(len(s.Request)), int64(len(s.Response)), in.deflated.Bytes(), append([]byte{}, s.Proof...))
	if in.deflated.Cap() > 1<<20 {
		in.deflated = bytes.Buffer{}
	}
	return err
}

// ended is when an attempt ended, in nanoseconds since 1970.
func ended(o *outcome.Outcome) int64 { return nanos(o.Start) + int64(o.Total) + int64(o.Blocked) }
