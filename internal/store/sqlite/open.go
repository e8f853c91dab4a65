package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver

	"vision/internal/store"
	"vision/internal/store/journal"
)

// Options tunes a store. The zero value is what a validator runs with.
type Options struct {
	// ReadOnly opens an existing database of this version to read it while
	// others write. Every writing method fails.
	ReadOnly bool
	// Synchronous is what an acknowledged outcome survives: "normal" (the
	// default) the end of this process, however it ends, at once, and a power
	// cut about a tenth of a second later; "full" a power cut at once, for one
	// fsync per group of outcomes. Everything else always survives both.
	Synchronous string
	// MaxPending and MaxPendingBytes bound the samples that wait for a check;
	// store.MaxPending and store.MaxPendingBytes if 0.
	MaxPending, MaxPendingBytes int64
	// Log takes warnings about what is wrong but not lost; nil discards them.
	Log *slog.Logger
}

const (
	busyTimeout = 10 * time.Second // how long another process's transaction may take
	walLimit    = 64 << 20         // bytes that the write-ahead log's file keeps when it is reused
)

// Store implements store.Store.
type Store struct {
	log      *slog.Logger
	readOnly bool
	reads    *sql.DB
	writer   *writer          // nil if read-only
	journal  *journal.Journal // nil if read-only
	mover    *mover           // nil if read-only

	use    sync.RWMutex // read-held by every method but Record, so that Close can wait for them
	closed atomic.Bool  // set with use held
}

var _ store.Store = (*Store)(nil)

// Open opens the database at path, creates it (mode 0600) or upgrades it, and
// moves in what earlier processes left in the journal. It fails with
// store.ErrNewer if a newer program upgraded the database.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	s, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Synchronous != "" && o.Synchronous != "normal" && o.Synchronous != "full" {
		return nil, fmt.Errorf("synchronous is %q, want \"normal\" or \"full\"", o.Synchronous)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	all, err := migrations(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	if o.ReadOnly {
		return openReadOnly(ctx, path, o, all)
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	s := &Store{log: o.Log}
	if err := s.openWriting(ctx, path, o, all); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

func (s *Store) openWriting(ctx context.Context, path string, o Options, all []migration) (err error) {
	if s.writer, err = openWriter(ctx, dsn(path, "rwc"), all); err != nil {
		return err
	}
	s.reads = readPool(path)
	s.journal, err = journal.Open(path+"-outcomes", journal.Options{Sync: o.Synchronous == "full"})
	if err != nil {
		return err
	}
	s.mover = newMover(s.writer, s.journal, o)
	if err := s.mover.adopt(ctx); err != nil {
		return err
	}
	s.mover.start()
	return nil
}

func openReadOnly(ctx context.Context, path string, o Options, all []migration) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	s := &Store{log: o.Log, readOnly: true, reads: readPool(path)}
	conn, err := s.reads.Conn(ctx)
	if err == nil {
		var lacking []migration
		lacking, err = pending(ctx, conn, all)
		if err == nil && len(lacking) > 0 {
			err = fmt.Errorf("it lacks migration %d (%s): start the validator once, which upgrades it", lacking[0].version, lacking[0].name)
		}
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		return nil, errors.Join(err, s.reads.Close())
	}
	return s, nil
}

// createPrivate makes the file before SQLite would, readable by nobody else:
// it holds customers' prompts. SQLite gives its other files the same mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil // not opened, since closing it would drop SQLite's locks in this process
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func dsn(path, mode string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=" + mode +
		fmt.Sprintf("&_pragma=busy_timeout(%d)&_pragma=foreign_keys(0)&_pragma=trusted_schema(0)", busyTimeout.Milliseconds())
}

func readPool(path string) *sql.DB {
	db, err := sql.Open("sqlite", dsn(path, "ro")+"&_pragma=query_only(1)")
	if err != nil {
		panic("sqlite: " + err.Error()) // only an unknown driver can fail here
	}
	n := max(4, runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db
}

// errReadOnly is what writing methods of a read-only store fail with.
var errReadOnly = errors.New("the database was opened read-only")

// reading begins a method that reads; the caller defers the result.
func (s *Store) reading() (done func(), err error) {
	s.use.RLock()
	if s.closed.Load() {
		s.use.RUnlock()
		return nil, store.ErrClosed
	}
	return s.use.RUnlock, nil
}

// writing begins a method that writes.
func (s *Store) writing() (done func(), err error) {
	if s.readOnly {
		return nil, errReadOnly
	}
	return s.reading()
}

// settled begins a method that must see every outcome recorded before it.
func (s *Store) settled(ctx context.Context) (done func(), err error) {
	done, err = s.reading()
	if err != nil || s.readOnly {
		return done, err
	}
	if err := s.mover.settle(ctx); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// Close refuses further calls, waits for those under way, moves the journal
// into the database and closes both. What it could not move stays in the
// journal for whoever opens the database next. It may be called twice.
func (s *Store) Close() error {
	if s.journal != nil {
		s.journal.Stop()
	}
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	var err error
	if s.mover != nil {
		s.mover.stop()
		if err = s.mover.finish(context.Background()); err != nil {
			err = fmt.Errorf("close the store (nothing is lost, the outcomes wait in the journal): %w", err)
		} else if s.journal.Announced() {
			if _, err = s.mover.dismiss(context.Background(), s.process()); err != nil {
				err = fmt.Errorf("close the store (whoever opens it next returns the leases): %w", err)
			}
		}
	}
	return errors.Join(err, s.abandon())
}

// abandon closes everything that is open.
func (s *Store) abandon() error {
	var errs []error
	if s.mover != nil {
		errs = append(errs, s.mover.close())
	}
	if s.journal != nil {
		errs = append(errs, s.journal.Close())
	}
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	return errors.Join(errs...)
}
