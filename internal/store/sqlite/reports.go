package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"vision/internal/period"
	"vision/internal/store"
)

// SaveReport implements store.Store.
func (s *Store) SaveReport(ctx context.Context, r period.Report) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	if len(r.Body) > store.MaxReport {
		return fmt.Errorf("save the report of %s: it has %d bytes, want at most %d", r.Validator, len(r.Body), store.MaxReport)
	}
	return s.writer.tx(ctx, "save a report", func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `INSERT INTO reports VALUES (?, ?, ?, ?, ?) ON CONFLICT (validator) DO UPDATE
			SET own = excluded.own, period = excluded.period, at = excluded.at, body = excluded.body WHERE excluded.own OR excluded.at >= at`,
			r.Validator[:], r.Own, r.Period, nanos(r.At), r.Body)
		return err
	})
}

// Reports implements store.Store.
func (s *Store) Reports(ctx context.Context) ([]period.Report, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, scanReport, `SELECT validator, own, period, at, body FROM reports ORDER BY own DESC, own * at DESC, validator`)
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	return list, nil
}

// OwnReport implements store.Store.
func (s *Store) OwnReport(ctx context.Context, body bool) (period.Report, error) {
	done, err := s.reading()
	if err != nil {
		return period.Report{}, err
	}
	defer done()
	r, err := one(ctx, s.reads, scanReport, `SELECT validator, own, period, at, CASE WHEN ? THEN body END FROM reports
		WHERE own ORDER BY at DESC, validator LIMIT 1`, body)
	if err != nil {
		return r, fmt.Errorf("read the last report: %w", err)
	}
	return r, nil
}

func scanReport(rows *sql.Rows) (r period.Report, err error) {
	var validator sql.RawBytes
	var at int64
	err = rows.Scan(&validator, &r.Own, &r.Period, &at, &r.Body)
	copy(r.Validator[:], validator)
	r.At = timeAt(at)
	return r, err
}
