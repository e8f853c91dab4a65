package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/store"
)

const (
	copyColumns = `SELECT sample, task, miner, other, at, request, other_request, tokens, log_p FROM copies `
	allCopies   = copyColumns + `INDEXED BY copies_at ORDER BY at DESC, sample DESC LIMIT ?`
	minerCopies = copyColumns + `INDEXED BY copies_miner WHERE miner = ? ORDER BY at DESC, sample DESC LIMIT ?`
	otherCopies = copyColumns + `INDEXED BY copies_other WHERE other = ? ORDER BY at DESC, sample DESC LIMIT ?`
	insertCopy  = `INSERT INTO copies (sample, task, miner, other, at, request, other_request, tokens, log_p) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	trimCopies  = `DELETE FROM copies WHERE sample IN (SELECT sample FROM copies INDEXED BY copies_at ORDER BY at DESC, sample DESC LIMIT -1 OFFSET ?)`
)

// keepCopy keeps what a check says of another miner's answer that is the same.
func keepCopy(ctx context.Context, conn *sql.Conn, c *outcome.Check) error {
	if c.Copy.IsZero() {
		return nil
	}
	if err := c.Copy.Validate(c.Miner); err != nil {
		return fmt.Errorf("keep a copy: %w", err)
	}
	err := changed(ctx, conn, insertCopy, c.Sample, c.Task, c.Miner[:], c.Copy.Other[:], nanos(c.At), c.Copy.Request, c.Copy.To, c.Copy.Tokens, c.Copy.LogP)
	if err != nil {
		return fmt.Errorf("keep a copy: %w", err)
	}
	return trim(ctx, conn, store.MaxCopies)
}

// trim drops the oldest copies beyond so many.
func trim(ctx context.Context, conn *sql.Conn, most int) error {
	if _, err := conn.ExecContext(ctx, trimCopies, most); err != nil {
		return fmt.Errorf("trim copies: %w", err)
	}
	return nil
}

// Copies implements store.Store.
func (s *Store) Copies(ctx context.Context, miner hotkey.ID, limit int) (list []outcome.Copied, err error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	if miner.IsZero() {
		if list, err = query(ctx, s.reads, scanCopy, allCopies, limit); err != nil {
			return nil, fmt.Errorf("list copies: %w", err)
		}
		return list, nil
	}
	var halves [2][]outcome.Copied
	for i, text := range []string{minerCopies, otherCopies} {
		if halves[i], err = query(ctx, s.reads, scanCopy, text, miner[:], limit); err != nil {
			return nil, fmt.Errorf("list the copies of %s: %w", miner, err)
		}
	}
	return merged(halves[0], halves[1], limit), nil
}

// merged merges two lists of copies, each newest first.
func merged(a, b []outcome.Copied, limit int) []outcome.Copied {
	list := make([]outcome.Copied, 0, min(len(a)+len(b), limit))
	for len(list) < limit && len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && (b[0].At.After(a[0].At) || b[0].At.Equal(a[0].At) && b[0].Sample > a[0].Sample) {
			from = &b
		}
		list, *from = append(list, (*from)[0]), (*from)[1:]
	}
	return list
}

func scanCopy(r *sql.Rows) (c outcome.Copied, err error) {
	var miner, other []byte
	var at int64
	err = r.Scan(&c.Sample, &c.Task, &miner, &other, &at, &c.Request, &c.To, &c.Tokens, &c.LogP)
	copy(c.Miner[:], miner)
	copy(c.Other[:], other)
	c.At = timeAt(at)
	return c, err
}
