package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"vision/internal/store"
)

const findClaim = `SELECT key, name, hash, request, at, expires, process, dropped, status, content_type, body FROM claims WHERE key = ? AND name = ?`

// Claim implements store.Money.
func (s *Store) Claim(ctx context.Context, c store.Claim) (earlier store.Claim, known bool, err error) {
	if s.readOnly {
		return c, false, errReadOnly
	}
	if c.Key <= 0 || c.Name == "" || len(c.Name) > 255 || c.Request == "" || !c.Expires.After(c.At) {
		return c, false, fmt.Errorf("claim an idempotency key of %d bytes for API key %d and request %.60q until %v: want 1 to 255 bytes, a key, a request and a time to come",
			len(c.Name), c.Key, c.Request, c.Expires)
	}
	done, err := s.settled(ctx) // an answer recorded before may wait in the journal
	if err != nil {
		return c, false, err
	}
	defer done()
	err = s.writer.tx(ctx, "claim an idempotency key", func(ctx context.Context, conn *sql.Conn) error {
		// Some of those that expired, so that they never pile up.
		if _, err := conn.ExecContext(ctx, `DELETE FROM claims WHERE id IN (SELECT id FROM claims WHERE expires <= ? LIMIT 20) OR key = ? AND name = ? AND expires <= ?`,
			nanos(c.At), c.Key, c.Name, nanos(c.At)); err != nil {
			return err
		}
		earlier, err = one(ctx, conn, scanClaim, findClaim, c.Key, c.Name)
		if known = err == nil; known || !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := s.present(ctx, conn); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, `INSERT INTO claims (key, name, hash, request, at, expires, process) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			c.Key, c.Name, c.Hash[:], c.Request, nanos(c.At), nanos(c.Expires), s.process())
		return err
	})
	if err != nil || !known {
		return store.Claim{}, false, err
	}
	return earlier, true, nil
}

func scanClaim(r *sql.Rows) (c store.Claim, err error) {
	var hash []byte
	var at, expires int64
	var process string
	err = r.Scan(&c.Key, &c.Name, &hash, &c.Request, &at, &expires, &process, &c.Dropped, &c.Status, &c.ContentType, &c.Body)
	copy(c.Hash[:], hash)
	c.At, c.Expires, c.Answered = timeAt(at), timeAt(expires), process == ""
	return c, err
}

// Unclaim implements store.Money.
func (s *Store) Unclaim(ctx context.Context, key int64, name, request string) error {
	if s.readOnly {
		return errReadOnly
	}
	done, err := s.settled(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.writer.tx(ctx, "give up an idempotency key", func(ctx context.Context, conn *sql.Conn) error {
		return changed(ctx, conn, `DELETE FROM claims WHERE key = ? AND name = ? AND request = ? AND process <> ''`, key, name, request)
	})
}
