package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"vision/internal/store"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migration takes a database from version-1 to version. Once released, a
// migration never changes: add another.
type migration struct {
	version int
	name    string
	sql     string
}

// migrations reads the numbered files of dir. Their numbers ascend from 1; some
// may be missing, and come later.
func migrations(files fs.FS, dir string) ([]migration, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.sql"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []migration
	last := 0
	for _, name := range names {
		number, rest, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version <= last || len(number) != 4 || last == 0 && version != 1 {
			return nil, fmt.Errorf("migration %s: want a number of four digits after %04d", name, last)
		}
		last = version
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, strings.TrimSuffix(rest, ".sql"), string(text)})
	}
	return all, nil
}

// applied are the numbers of the migrations that were run.
func applied(ctx context.Context, conn *sql.Conn) (map[int]bool, error) {
	done := map[int]bool{}
	tables, err := query(ctx, conn, integer, `SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'`)
	if err != nil || tables[0] == 0 {
		return done, err
	}
	list, err := query(ctx, conn, integer, `SELECT version FROM migrations`)
	for _, n := range list {
		done[int(n)] = true
	}
	return done, err
}

// pending are the migrations that the database lacks, in their order. A database
// with one that is not among all is store.ErrNewer.
func pending(ctx context.Context, conn *sql.Conn, all []migration) ([]migration, error) {
	done, err := applied(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("read the database's version: %w", err)
	}
	var list []migration
	for _, m := range all {
		if !done[m.version] {
			list = append(list, m)
		}
		delete(done, m.version)
	}
	for n := range done {
		return nil, fmt.Errorf("the database has migration %d, which this program does not know: %w", n, store.ErrNewer)
	}
	return list, nil
}

// migrate brings the database up to the last of all, each in a transaction of
// its own, whoever else tries the same at the same time.
func migrate(ctx context.Context, conn *sql.Conn, all []migration) error {
	for {
		done, err := migrateOnce(ctx, conn, all)
		if done || err != nil {
			return err
		}
	}
}

func migrateOnce(ctx context.Context, conn *sql.Conn, all []migration) (done bool, err error) {
	if _, err := conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return false, fmt.Errorf("begin a migration: %w", err)
	}
	defer func() {
		if err != nil || done {
			_, rollback := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
			err = errors.Join(err, rollback)
		}
	}()
	list, err := pending(ctx, conn, all)
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		return true, nil
	}
	m := list[0]
	if m.version == 1 {
		m.sql = `CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied INTEGER NOT NULL) STRICT;` + "\n" + m.sql
	}
	if _, err := conn.ExecContext(ctx, m.sql); err != nil {
		return false, fmt.Errorf("migration %d (%s): %w", m.version, m.name, err)
	}
	if _, err := conn.ExecContext(ctx, `INSERT INTO migrations VALUES (?, ?, ?)`, m.version, m.name, time.Now().UnixNano()); err != nil {
		return false, fmt.Errorf("note migration %d: %w", m.version, err)
	}
	if _, err := conn.ExecContext(ctx, `COMMIT`); err != nil {
		return false, fmt.Errorf("commit migration %d: %w", m.version, err)
	}
	return false, nil
}
