package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"vision/internal/store"
)

// querier is the read pool, or the connection of a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// query lists what scan makes of each row.
func query[T any](ctx context.Context, from querier, scan func(*sql.Rows) (T, error), text string, args ...any) (list []T, err error) {
	rows, err := from.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// each calls f for each row.
func each(ctx context.Context, from querier, f func(*sql.Rows) error, text string, args ...any) (err error) {
	rows, err := from.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one is query for a single row; store.ErrNotFound if there is none.
func one[T any](ctx context.Context, from querier, scan func(*sql.Rows) (T, error), text string, args ...any) (v T, err error) {
	list, err := query(ctx, from, scan, text, args...)
	if err == nil && len(list) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return v, err
	}
	return list[0], nil
}

func integer(r *sql.Rows) (n int64, err error) { return n, r.Scan(&n) }

func text(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) }

// changed runs a statement that must change at least one row; store.ErrNotFound otherwise.
func changed(ctx context.Context, conn *sql.Conn, statement string, args ...any) error {
	result, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// inserted runs an INSERT of one row and gives its ID.
func inserted(ctx context.Context, conn *sql.Conn, statement string, args ...any) (int64, error) {
	result, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
