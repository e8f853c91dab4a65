package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"vision/internal/store"
)

// writer is the one connection of this process that writes.
type writer struct {
	db   *sql.DB
	turn chan struct{} // holds a token while a transaction is under way; guards the rest
	conn *sql.Conn
}

func openWriter(ctx context.Context, dsn string, all []migration) (*writer, error) {
	// Every transaction waits for the disk: few of them are on a request's
	// path, and each takes many outcomes along.
	db, err := sql.Open("sqlite", dsn+fmt.Sprintf("&_pragma=synchronous(full)&_pragma=journal_size_limit(%d)&_pragma=cache_size(-8192)", walLimit))
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, turn: make(chan struct{}, 1)}
	if err := w.prepare(ctx, all); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context, all []migration) (err error) {
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	// Refuse a newer database before touching it at all.
	if _, err := pending(ctx, w.conn, all); err != nil {
		return err
	}
	if err := w.useWAL(ctx); err != nil {
		return err
	}
	return migrate(ctx, w.conn, all)
}

// useWAL switches to the write-ahead log. SQLite does not wait for other
// processes that do the same at the same time, so this tries again.
func (w *writer) useWAL(ctx context.Context) error {
	deadline := time.Now().Add(busyTimeout)
	for {
		var mode string
		err := w.conn.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
		if err == nil && mode == "wal" {
			return nil
		}
		if err == nil {
			return fmt.Errorf("the journal mode is %q, and cannot be \"wal\": is the file on a network file system?", mode)
		}
		if !busy(err) || time.Now().After(deadline) {
			return fmt.Errorf("switch to the write-ahead log: %w", err)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// busy says that another process was in the way.
func busy(err error) bool {
	var code interface{ Code() int }
	return errors.As(err, &code) && code.Code()&0xff == 5
}

// tx runs f in one transaction. It gives up on ctx while it waits for its turn
// and for other processes, not later, so that a caller who goes away leaves no
// doubt about what was written.
func (w *writer) tx(ctx context.Context, what string, f func(context.Context, *sql.Conn) error) (err error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	_, err = w.conn.ExecContext(ctx, `BEGIN IMMEDIATE`)
	ctx = context.WithoutCancel(ctx)
	defer func() {
		if err != nil {
			// A BEGIN that was given up on may have begun all the same. After most
			// errors of COMMIT, SQLite has rolled back by itself.
			if _, rollback := w.conn.ExecContext(ctx, `ROLLBACK`); rollback != nil && !strings.Contains(rollback.Error(), "no transaction is active") {
				err = errors.Join(err, fmt.Errorf("roll back: %w", rollback))
			}
		}
	}()
	if err != nil {
		return fmt.Errorf("%s: begin: %w", what, err)
	}
	if err := f(ctx, w.conn); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if _, err := w.conn.ExecContext(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("%s: commit: %w (%w)", what, err, store.ErrUnknown)
	}
	return nil
}

// close waits for the transaction under way.
func (w *writer) close() error {
	w.turn <- struct{}{}
	var err error
	if w.conn != nil {
		err = w.conn.Close()
	}
	return errors.Join(err, w.db.Close())
}

// statement is prepared on the driver itself: about half the cost of
// database/sql for the rows that come by the thousand.
type statement struct {
	stmt driver.Stmt
	args []driver.NamedValue
}

func prepare(ctx context.Context, raw any, query string, params int) (*statement, error) {
	stmt, err := raw.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := &statement{stmt: stmt, args: make([]driver.NamedValue, params)}
	for i := range s.args {
		s.args[i].Ordinal = i + 1
	}
	return s, nil
}

// exec takes values of the types that drivers take, int64 for all integers.
func (s *statement) exec(ctx context.Context, values ...driver.Value) (driver.Result, error) {
	s.set(0, values)
	return s.run(ctx)
}

// set gives the parameters from one on their values, for run.
func (s *statement) set(from int, values []driver.Value) {
	for i, v := range values {
		s.args[from+i].Value = v
	}
}

func (s *statement) run(ctx context.Context) (driver.Result, error) {
	return s.stmt.(driver.StmtExecContext).ExecContext(ctx, s.args)
}

func (s *statement) close() error { return s.stmt.Close() }
