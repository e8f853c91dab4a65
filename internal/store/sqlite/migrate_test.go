package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"vision/internal/apikey"
	"vision/internal/hotkey"
	"vision/internal/judgement"
	"vision/internal/outcome"
	"vision/internal/store"
)

// bare is one connection to a database, without a store around it.
func bare(t *testing.T, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func schema(t *testing.T, conn *sql.Conn) string {
	t.Helper()
	list, err := query(ctx, conn, text, `SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}

// testdata/v1.sql is a database as the first release left it, with rows. What
// all migrations make of it must be what they make of nothing, and the rows
// must still be there.
func TestUpgradedEqualsFresh(t *testing.T) {
	oldest, err := os.ReadFile("testdata/v1.sql")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	old := bare(t, filepath.Join(dir, "old.db"))
	if _, err := old.ExecContext(ctx, string(oldest)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old.db", "fresh.db"} {
		closed(t, openAt(t, filepath.Join(dir, name), Options{}))
	}
	fresh := bare(t, filepath.Join(dir, "fresh.db"))
	if got, want := schema(t, old), schema(t, fresh); got != want {
		t.Errorf("upgraded:\n%s\n\nfresh:\n%s", got, want)
	}
	s := openAt(t, filepath.Join(dir, "old.db"), Options{})
	defer closed(t, s)
	list, err := s.OutcomesAfter(ctx, 0, 9)
	if err != nil || len(list) != 1 || list[0].Request != "req-old" || list[0].Miner[0] != 0xaa || list[0].Seq != 41 {
		t.Errorf("outcomes of the old database: %v, %v", list, err)
	}
	samples, err := s.ClaimSamples(ctx, time.Now(), time.Minute, 9)
	if err != nil || len(samples) != 1 || samples[0].Outcome.Total != 3*time.Second || string(samples[0].Response) != "data" {
		t.Errorf("samples of the old database: %v, %v", samples, err)
	}
	checks, err := s.Checks(ctx, hotkey.ID{1, 2, 3}, "", 9)
	if err != nil {
		t.Error(err)
	}
	for _, c := range checks {
		if c.Number != 0 || c.Standing != judgement.Trusted || c.Wealth != 1 {
			t.Errorf("a check of before there was judgement has become %+v", c)
		}
	}
	for _, sm := range samples {
		c := outcome.Check{Sample: sm.ID, Task: sm.Outcome.Task, Miner: sm.Outcome.Miner, At: time.Now(), Quality: 1, E: judgement.Proof}
		if change, err := s.SaveCheck(ctx, c, judgement.Default()); err != nil || !change.Convicts() {
			t.Errorf("a sample of the old database is judged: %+v, %v", change, err)
		}
		if e, err := s.Evidence(ctx, c.Miner, c.Task, 9); err != nil || len(e) != 1 || string(e[0].Sample.Response) != "data" {
			t.Errorf("evidence from the old database: %+v, %v", e, err)
		}
	}
	keys, err := s.Keys(ctx)
	if err != nil || len(keys) != 1 || keys[0].Name != "first customer" {
		t.Errorf("keys of the old database: %v, %v", keys, err)
	} else if k := keys[0]; k.Project != apikey.DefaultProject || k.Root != k.ID || k.SpendLimit != 0 || !k.Valid(time.Now()) || !k.Tasks.Allows("any") {
		t.Errorf("a key of the old database has become %+v", k)
	}
	verified(t, "after the upgrade", s)
	p, err := s.LastPeriod(ctx)
	if err != nil || p.Seed != 1<<64-1 {
		t.Errorf("period of the old database: %v, %v", p, err)
	}
}

func TestNewerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	closed(t, openAt(t, path, Options{}))
	conn := bare(t, path)
	if _, err := conn.ExecContext(ctx, `INSERT INTO migrations VALUES (99, 'from the future', 0)`); err != nil {
		t.Fatal(err)
	}
	before := schema(t, conn)
	for _, readOnly := range []bool{false, true} {
		if _, err := Open(ctx, path, Options{ReadOnly: readOnly}); !errors.Is(err, store.ErrNewer) {
			t.Errorf("read-only %t: %v, want ErrNewer", readOnly, err)
		}
	}
	if after := schema(t, conn); after != before {
		t.Error("a newer database was changed")
	}
}

func TestOlderIsNotReadUnchanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	conn := bare(t, path)
	if _, err := conn.ExecContext(ctx, `CREATE TABLE unrelated (x)`); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, path, Options{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "start the validator once") {
		t.Errorf("an older database, read-only: %v", err)
	}
}

// A migration that fails leaves the database at the one before it, and is
// tried again.
func TestMigrationFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	conn := bare(t, path)
	list := []migration{{1, "one", `CREATE TABLE a (x);`}, {2, "two", `CREATE TABLE b (x); CREATE TABLE a (x);`}}
	if err := migrate(ctx, conn, list); err == nil || !strings.Contains(err.Error(), "migration 2 (two)") {
		t.Fatalf("a broken migration: %v", err)
	}
	if got := schema(t, conn); !strings.Contains(got, "table a") || strings.Contains(got, "table b") {
		t.Errorf("schema after a broken migration:\n%s", got)
	}
	list[1].sql = `CREATE TABLE b (x);`
	for range 2 {
		if err := migrate(ctx, conn, list); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := pending(ctx, conn, list); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if err := migrate(ctx, conn, list[:1]); !errors.Is(err, store.ErrNewer) {
		t.Errorf("fewer migrations than the database has: %v", err)
	}
}

// A number that was left out may come later than those after it.
func TestMigrationComesLater(t *testing.T) {
	conn := bare(t, filepath.Join(t.TempDir(), "v.db"))
	list := []migration{{1, "one", `CREATE TABLE a (x);`}, {2, "two", `CREATE TABLE b (x);`}, {4, "four", `CREATE TABLE d (x);`}}
	if err := migrate(ctx, conn, []migration{list[0], list[2]}); err != nil {
		t.Fatal(err)
	}
	if err := migrate(ctx, conn, list); err != nil {
		t.Fatal(err)
	}
	if got := schema(t, conn); !strings.Contains(got, "table b") {
		t.Errorf("schema:\n%s", got)
	}
}

func TestMigrationNumbers(t *testing.T) {
	for _, names := range [][]string{{"0002_a.sql"}, {"0001_a.sql", "0003_b.sql", "0003_c.sql"}, {"0001_a.sql", "3_b.sql"}, {"first.sql"}} {
		files := fstest.MapFS{}
		for _, n := range names {
			files["m/"+n] = &fstest.MapFile{}
		}
		if _, err := migrations(files, "m"); err == nil {
			t.Errorf("%v were accepted", names)
		}
	}
	if all, err := migrations(embedded, "migrations"); err != nil || len(all) == 0 {
		t.Errorf("the program's own: %v, %v", all, err)
	}
}
