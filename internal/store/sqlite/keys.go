package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/store"
)

// CreateKey implements store.Store.
func (s *Store) CreateKey(ctx context.Context, k apikey.Key) (apikey.Key, error) {
	done, err := s.writing()
	if err != nil {
		return k, err
	}
	defer done()
	if k.RotatedFrom != 0 {
		return k, fmt.Errorf("create an API key: it is in place of key %d: rotate that", k.RotatedFrom)
	}
	k.Root = 0
	given := k
	err = s.writer.tx(ctx, "create an API key", func(ctx context.Context, conn *sql.Conn) (err error) {
		k, err = insertKey(ctx, conn, given)
		return err
	})
	if err != nil {
		return given, err
	}
	return k, nil
}

// RotateKey implements store.Money.
func (s *Store) RotateKey(ctx context.Context, next apikey.Key, until time.Time) (apikey.Key, error) {
	done, err := s.writing()
	if err != nil {
		return next, err
	}
	defer done()
	if until.IsZero() {
		return next, fmt.Errorf("rotate API key %d: no time given until which it is valid", next.RotatedFrom)
	}
	given := next
	err = s.writer.tx(ctx, fmt.Sprintf("rotate API key %d", next.RotatedFrom), func(ctx context.Context, conn *sql.Conn) error {
		old, err := one(ctx, conn, scanKey, selectKeys+`WHERE id = ?`, next.RotatedFrom)
		if err != nil {
			return err
		}
		if !old.Valid(next.Created) {
			return store.ErrNotFound
		}
		if old.Revoked.IsZero() || old.Revoked.After(until) {
			if err := changed(ctx, conn, `UPDATE keys SET revoked = ? WHERE id = ?`, nanos(until), old.ID); err != nil {
				return err
			}
		}
		next = given
		next.Project, next.Root, next.SpendLimit = old.Project, old.Root, old.SpendLimit
		next, err = insertKey(ctx, conn, next)
		return err
	})
	if err != nil {
		return given, err
	}
	return next, nil
}

// insertKey writes a key. Without a root it is its own.
func insertKey(ctx context.Context, conn *sql.Conn, k apikey.Key) (apikey.Key, error) {
	if err := k.Check(); err != nil {
		return k, fault.New(fault.Invalid, "invalid_key", "%v", err)
	}
	if k.Project == 0 {
		k.Project = apikey.DefaultProject
	}
	open, err := query(ctx, conn, integer, `SELECT archived FROM projects WHERE id = ?`, k.Project)
	switch {
	case err != nil:
		return k, err
	case len(open) == 0:
		return k, fmt.Errorf("project %d: %w", k.Project, store.ErrNotFound)
	case open[0] != 0:
		return k, fault.New(fault.Invalid, "project_archived", "Project %d is archived: it takes no keys.", k.Project)
	}
	k.ID, err = inserted(ctx, conn, `INSERT INTO keys (name, hash, hint, per_minute, created, revoked, project, tasks, tokens_per_minute, concurrent, spend_limit, expires, rotated_from, root)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		k.Name, k.Hash[:], k.Hint, k.PerMinute, nanos(k.Created), nanos(k.Revoked),
		k.Project, string(k.Tasks), k.TokensPerMinute, k.Concurrent, int64(k.SpendLimit), nanos(k.Expires), k.RotatedFrom, k.Root)
	if err == nil && k.Root == 0 {
		k.Root = k.ID
		err = changed(ctx, conn, `UPDATE keys SET root = id WHERE id = ?`, k.ID)
	}
	return k, err
}

const selectKeys = `SELECT id, name, hash, hint, per_minute, created, revoked, project, tasks, tokens_per_minute, concurrent, spend_limit, expires, rotated_from, root FROM keys `

func scanKey(r *sql.Rows) (k apikey.Key, err error) {
	var hash sql.RawBytes
	var created, revoked, expires int64
	err = r.Scan(&k.ID, &k.Name, &hash, &k.Hint, &k.PerMinute, &created, &revoked,
		&k.Project, &k.Tasks, &k.TokensPerMinute, &k.Concurrent, &k.SpendLimit, &expires, &k.RotatedFrom, &k.Root)
	copy(k.Hash[:], hash)
	k.Created, k.Revoked, k.Expires = timeAt(created), timeAt(revoked), timeAt(expires)
	return k, err
}

// Keys implements store.Store.
func (s *Store) Keys(ctx context.Context) ([]apikey.Key, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, scanKey, selectKeys+`ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return list, nil
}

// RevokeKey implements store.Store.
func (s *Store) RevokeKey(ctx context.Context, id int64, at time.Time) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	if at.IsZero() {
		return fmt.Errorf("revoke API key %d: no time given", id)
	}
	return s.writer.tx(ctx, fmt.Sprintf("revoke API key %d", id), func(ctx context.Context, conn *sql.Conn) error {
		return changed(ctx, conn, `UPDATE keys SET revoked = ?1 WHERE id = ?2 AND (revoked = 0 OR revoked > ?1)`, nanos(at), id)
	})
}

// Secret implements store.Store.
func (s *Store) Secret(ctx context.Context, name string) ([32]byte, error) {
	done, err := s.reading()
	if err != nil {
		return [32]byte{}, err
	}
	defer done()
	secret, err := readSecret(ctx, s.reads, name)
	if errors.Is(err, store.ErrNotFound) && !s.readOnly {
		err = s.writer.tx(ctx, "draw the secret "+name, func(ctx context.Context, conn *sql.Conn) error {
			var drawn [32]byte
			rand.Read(drawn[:]) // never fails
			if _, err := conn.ExecContext(ctx, `INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING`, name, drawn[:]); err != nil {
				return err
			}
			var err error
			secret, err = readSecret(ctx, conn, name) // somebody else may have been first
			return err
		})
	}
	if err != nil {
		return [32]byte{}, fmt.Errorf("read the secret %s: %w", name, err)
	}
	return secret, nil
}

func readSecret(ctx context.Context, from querier, name string) ([32]byte, error) {
	return one(ctx, from, func(r *sql.Rows) (secret [32]byte, err error) {
		var value []byte
		if err = r.Scan(&value); err == nil && copy(secret[:], value) != len(secret) {
			err = fmt.Errorf("it has %d bytes, want %d", len(value), len(secret))
		}
		return secret, err
	}, `SELECT value FROM secrets WHERE name = ?`, name)
}
