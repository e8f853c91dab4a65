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

// migrations reads the numbered files of dir; their numbers run from 1 without a gap.
func migrations(files fs.FS, dir string) ([]migration, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.sql"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []migration
	for i, name := range names {
		number, rest, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s: want number %04d first", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, strings.TrimSuffix(rest, ".sql"), string(text)})
	}
	return all, nil
}

// databaseVersion is the number of the last migration that was run; 0 for a new database.
func databaseVersion(ctx context.Context, conn *sql.Conn) (int, error) {
	var n int
	if err := conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'`).Scan(&n); err != nil || n == 0 {
		return 0, err
	}
	err := conn.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM migrations`).Scan(&n)
	return n, err
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
	at, err := databaseVersion(ctx, conn)
	if err != nil {
		return false, fmt.Errorf("read the database's version: %w", err)
	}
	if at > len(all) {
		return false, fmt.Errorf("the database has version %d, this program knows %d: %w", at, len(all), store.ErrNewer)
	}
	if at == len(all) {
		return true, nil
	}
	m := all[at]
	if at == 0 {
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
