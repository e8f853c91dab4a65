package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"vision/internal/outcome"
	"vision/internal/store"
	"vision/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if who := os.Getenv(payerEnv); who != "" {
			os.Exit(payer(dir, who))
		}
		if os.Getenv(judgeEnv) != "" {
			os.Exit(judging(dir))
		}
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

var ctx = context.Background()

// database is a file in a directory of its own.
type database struct {
	path string
	mode string
}

func (d database) Open(t *testing.T) store.Store {
	return openAt(t, d.path, Options{Synchronous: d.mode})
}

func openAt(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(ctx, path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	for _, mode := range []string{"normal", "full"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel() // it waits for the disk
			storetest.Run(t, func(t *testing.T) storetest.Database {
				return database{filepath.Join(t.TempDir(), "a b?#%20.db"), mode}
			})
		})
	}
}

func TestFailing(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "v.db"), Options{})
	f := storetest.NewFailing(s)
	defer f.Close()
	count := func() int {
		t.Helper()
		list, err := s.OutcomesAfter(ctx, 0, 9)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	entry := outcome.Entry{Outcome: benchOutcome()}
	f.Fail("Record", storetest.NotApplied, 1)
	if err := f.Record(ctx, entry); !errors.Is(err, storetest.ErrInjected) || errors.Is(err, store.ErrUnknown) || count() != 0 {
		t.Errorf("not applied: %v, %d outcomes", err, count())
	}
	f.Fail("Record", storetest.Applied, 1)
	if err := f.Record(ctx, entry); !errors.Is(err, storetest.ErrInjected) || !errors.Is(err, store.ErrUnknown) || count() != 1 {
		t.Errorf("applied: %v, %d outcomes", err, count())
	}
	if err := f.Record(ctx, entry); err != nil || count() != 2 {
		t.Errorf("after the plan: %v, %d outcomes", err, count())
	}
}

func TestFilesArePrivateAndGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := openAt(t, path, Options{})
	if err := s.Record(ctx, outcome.Entry{Outcome: benchOutcome()}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 4 {
		t.Fatalf("files %v, %v: want the database, two of SQLite's and the journal", files, err)
	}
	journals, _ := filepath.Glob(path + "-outcomes/*")
	for _, name := range append(files, journals...) {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v: others may read it", name, info.Mode(), err)
		}
	}
	closed(t, s)
	if left, _ := filepath.Glob(path + "-*/*"); len(left) > 0 {
		t.Errorf("a clean end leaves %v", left)
	}
	if left, _ := filepath.Glob(path + "-wal"); len(left) > 0 {
		t.Errorf("a clean end leaves %v", left)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	if _, err := Open(ctx, path, Options{ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open what is not there: %v", err)
	}
	s := openAt(t, path, Options{})
	defer closed(t, s)
	if err := s.Record(ctx, outcome.Entry{Outcome: benchOutcome()}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pending(ctx); err != nil { // moves it
		t.Fatal(err)
	}
	r := openAt(t, path, Options{ReadOnly: true})
	defer closed(t, r)
	list, err := r.OutcomesAfter(ctx, 0, 9)
	if err != nil || len(list) != 1 {
		t.Errorf("read only: %d outcomes, %v", len(list), err)
	}
	if err := r.Record(ctx, outcome.Entry{Outcome: benchOutcome()}); !errors.Is(err, errReadOnly) {
		t.Errorf("record read-only: %v", err)
	}
	if _, err := r.ClaimSamples(ctx, benchOutcome().Start, 1, 1); !errors.Is(err, errReadOnly) {
		t.Errorf("claim read-only: %v", err)
	}
	if _, err := r.Secret(ctx, "new"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("draw a secret read-only: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		o    Options
		want string
	}{
		"garbage":           {garbage, Options{}, "not a database"},
		"no such directory": {filepath.Join(dir, "none", "v.db"), Options{}, "no such file"},
		"unknown mode":      {filepath.Join(dir, "v.db"), Options{Synchronous: "off"}, `want "normal" or "full"`},
	} {
		if _, err := Open(ctx, c.path, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Open(done, filepath.Join(dir, "w.db"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("open for a caller who is gone: %v", err)
	}
}
