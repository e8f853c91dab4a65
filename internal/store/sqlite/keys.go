package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"vision/internal/apikey"
	"vision/internal/store"
)

// CreateKey implements store.Store.
func (s *Store) CreateKey(ctx context.Context, k apikey.Key) (apikey.Key, error) {
	done, err := s.writing()
	if err != nil {
		return k, err
	}
	defer done()
	err = s.writer.tx(ctx, "create an API key", func(ctx context.Context, conn *sql.Conn) (err error) {
		k.ID, err = inserted(ctx, conn, `INSERT INTO keys (name, hash, hint, per_minute, created, revoked) VALUES (?, ?, ?, ?, ?, ?)`,
			k.Name, k.Hash[:], k.Hint, k.PerMinute, nanos(k.Created), nanos(k.Revoked))
		return err
	})
	if err != nil {
		k.ID = 0
	}
	return k, err
}

// Keys implements store.Store.
func (s *Store) Keys(ctx context.Context) ([]apikey.Key, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (k apikey.Key, err error) {
		var hash sql.RawBytes
		var created, revoked int64
		err = r.Scan(&k.ID, &k.Name, &hash, &k.Hint, &k.PerMinute, &created, &revoked)
		copy(k.Hash[:], hash)
		k.Created, k.Revoked = timeAt(created), timeAt(revoked)
		return k, err
	}, `SELECT id, name, hash, hint, per_minute, created, revoked FROM keys ORDER BY id`)
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
		return changed(ctx, conn, `UPDATE keys SET revoked = ? WHERE id = ? AND revoked = 0`, nanos(at), id)
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
