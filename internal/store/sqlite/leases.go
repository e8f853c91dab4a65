package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"vision/internal/ledger"
)

// wantLasts is how long a want is heeded after it was noted.
const wantLasts = 3 * time.Second

// process is this process's name in the ledger.
func (s *Store) process() string { return s.journal.Name() }

// present makes sure that the process is known to those who would return its
// leases once it has ended.
func (s *Store) present(ctx context.Context, conn *sql.Conn) error {
	if err := s.journal.Announce(); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, `INSERT INTO processes VALUES (?, 0) ON CONFLICT DO NOTHING`, s.process())
	return err
}

// Lease implements ledger.Banker.
func (s *Store) Lease(ctx context.Context, asks []ledger.Ask) ([]ledger.Grant, error) {
	done, err := s.writing()
	if err != nil {
		return nil, err
	}
	defer done()
	grants := make([]ledger.Grant, len(asks))
	err = s.writer.tx(ctx, "take leases", func(ctx context.Context, conn *sql.Conn) error {
		if err := s.present(ctx, conn); err != nil {
			return err
		}
		for i, a := range asks {
			var err error
			switch a.Pot.Kind {
			case ledger.ProjectPot:
				grants[i], err = s.leaseBalance(ctx, conn, a)
			case ledger.AllowancePot:
				grants[i], err = s.leaseAllowance(ctx, conn, a)
			default:
				err = fmt.Errorf("there is no pot of kind %d", a.Pot.Kind)
			}
			if err == nil {
				err = s.noteWant(ctx, conn, a, grants[i])
			}
			if err != nil {
				return fmt.Errorf("for %v: %w", a.Pot, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return grants, nil
}

const (
	leasedElsewhere  = `SELECT coalesce(sum(balance), 0) FROM accounts INDEXED BY accounts_leased WHERE kind = 3 AND balance > 0 AND project = ? AND process <> ?`
	allowedElsewhere = `SELECT coalesce(sum(amount), 0), coalesce(sum(CASE WHEN process <> ? THEN amount END), 0) FROM allowances WHERE root = ?`
	wantedByOthers   = `SELECT count(*) FROM wants WHERE kind = ? AND id = ? AND process <> ? AND at > ?`
)

func (s *Store) leaseBalance(ctx context.Context, conn *sql.Conn, a ledger.Ask) (g ledger.Grant, err error) {
	open, err := query(ctx, conn, integer, `SELECT id FROM projects WHERE id = ? AND archived = 0`, a.Pot.ID)
	if err != nil || len(open) == 0 {
		return g, err
	}
	from := ledger.Account{Kind: ledger.Project, Project: a.Pot.ID}
	_, g.Left, err = account(ctx, conn, from)
	if err != nil {
		return g, err
	}
	if err := conn.QueryRowContext(ctx, leasedElsewhere, a.Pot.ID, s.process()).Scan(&g.Elsewhere); err != nil {
		return g, err
	}
	wanted, err := s.wantedOf(ctx, conn, a.Pot)
	if err != nil {
		return g, err
	}
	if g.Amount = ledger.Share(g.Left, a, wanted); g.Amount == 0 {
		return g, nil
	}
	g.Left -= g.Amount
	_, err = transfer(ctx, conn, ledger.Transaction{At: time.Now(), Kind: ledger.Leased, From: from, To: s.lease(a.Pot.ID), Amount: g.Amount})
	return g, err
}

func (s *Store) lease(project int64) ledger.Account {
	return ledger.Account{Kind: ledger.Lease, Process: s.process(), Project: project}
}

func (s *Store) leaseAllowance(ctx context.Context, conn *sql.Conn, a ledger.Ask) (g ledger.Grant, err error) {
	limits, err := query(ctx, conn, integer, `SELECT spend_limit FROM keys WHERE root = ? ORDER BY id DESC LIMIT 1`, a.Pot.ID)
	if err != nil || len(limits) == 0 {
		return g, err
	}
	spent, err := query(ctx, conn, integer, `SELECT spent FROM spending WHERE root = ?`, a.Pot.ID)
	if err != nil {
		return g, err
	}
	var leased int64
	if err := conn.QueryRowContext(ctx, allowedElsewhere, s.process(), a.Pot.ID).Scan(&leased, &g.Elsewhere); err != nil {
		return g, err
	}
	used := leased
	if len(spent) > 0 {
		used += spent[0]
	}
	g.Left = ledger.Amount(max(0, limits[0]-used))
	wanted, err := s.wantedOf(ctx, conn, a.Pot)
	if err != nil {
		return g, err
	}
	if g.Amount = ledger.Share(g.Left, a, wanted); g.Amount == 0 {
		return g, nil
	}
	g.Left -= g.Amount
	_, err = conn.ExecContext(ctx, `INSERT INTO allowances VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount`, a.Pot.ID, s.process(), int64(g.Amount))
	return g, err
}

func (s *Store) wantedOf(ctx context.Context, conn *sql.Conn, p ledger.Pot) (bool, error) {
	n, err := one(ctx, conn, integer, wantedByOthers, int64(p.Kind), p.ID, s.process(), time.Now().Add(-wantLasts).UnixNano())
	return n > 0, err
}

// noteWant tells other processes what this one misses, and no longer misses.
func (s *Store) noteWant(ctx context.Context, conn *sql.Conn, a ledger.Ask, g ledger.Grant) error {
	switch {
	case g.Amount > 0:
		_, err := conn.ExecContext(ctx, `DELETE FROM wants WHERE kind = ? AND id = ? AND process = ?`, int64(a.Pot.Kind), a.Pot.ID, s.process())
		return err
	case a.Urgent && g.Elsewhere > 0:
		return s.want(ctx, conn, a.Pot)
	}
	return nil
}

func (s *Store) want(ctx context.Context, conn *sql.Conn, p ledger.Pot) error {
	now := time.Now()
	if _, err := conn.ExecContext(ctx, `DELETE FROM wants WHERE at < ?`, now.Add(-time.Minute).UnixNano()); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, `INSERT INTO wants VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at`, int64(p.Kind), p.ID, s.process(), now.UnixNano())
	return err
}

// GiveBack implements ledger.Banker.
func (s *Store) GiveBack(ctx context.Context, parts []ledger.Part) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	return s.writer.tx(ctx, "give leases back", func(ctx context.Context, conn *sql.Conn) error {
		for _, p := range parts {
			if err := s.giveBack(ctx, conn, p); err != nil {
				return fmt.Errorf("%v of %v: %w", p.Amount, p.Pot, err)
			}
		}
		return nil
	})
}

func (s *Store) giveBack(ctx context.Context, conn *sql.Conn, p ledger.Part) error {
	switch {
	case p.Amount <= 0:
		return errors.New("an amount that is not above 0")
	case p.Pot.Kind == ledger.AllowancePot:
		return changed(ctx, conn, `UPDATE allowances SET amount = amount - ? WHERE root = ? AND process = ?`, int64(p.Amount), p.Pot.ID, s.process())
	}
	_, err := transfer(ctx, conn, ledger.Transaction{At: time.Now(), Kind: ledger.Returned, From: s.lease(p.Pot.ID),
		To: ledger.Account{Kind: ledger.Project, Project: p.Pot.ID}, Amount: p.Amount})
	return err
}

// Wanted implements ledger.Banker.
func (s *Store) Wanted(ctx context.Context) ([]ledger.Pot, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	if s.readOnly {
		return nil, errReadOnly
	}
	list, err := query(ctx, s.reads, func(r *sql.Rows) (p ledger.Pot, err error) { return p, r.Scan(&p.Kind, &p.ID) },
		`SELECT DISTINCT kind, id FROM wants WHERE process <> ? AND at > ? ORDER BY kind, id`, s.process(), time.Now().Add(-wantLasts).UnixNano())
	if err != nil {
		return nil, fmt.Errorf("see what other processes want: %w", err)
	}
	return list, nil
}

// reap returns the leases of processes that have ended and whose receipts are
// all booked.
func (m *mover) reap(ctx context.Context) error {
	var names []string
	err := m.writer.tx(ctx, "look for processes that have ended", func(ctx context.Context, conn *sql.Conn) (err error) {
		names, err = query(ctx, conn, text, `SELECT name FROM processes`)
		return err
	})
	if err != nil {
		return err
	}
	// Some announced themselves and ended before they took anything.
	announced, err := m.journal.Processes()
	errs := []error{err}
	names = append(names, announced...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name == m.journal.Name() {
			continue
		}
		ended, err := m.journal.Ended(name)
		if err != nil || !ended {
			errs = append(errs, err)
			continue
		}
		returned, err := m.dismiss(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, m.journal.Forget(name))
		if returned > 0 {
			m.log.Info("returned the leases of a process that ended", "process", name, "credits", returned.String())
		}
	}
	return errors.Join(errs...)
}

// dismiss forgets a process: its leases go back, its claims that came to
// nothing are dropped. All its receipts must have been booked. The second time
// it does nothing.
func (m *mover) dismiss(ctx context.Context, name string) (returned ledger.Amount, err error) {
	err = m.writer.tx(ctx, "return the leases of the process "+name, func(ctx context.Context, conn *sql.Conn) error {
		returned = 0
		result, err := conn.ExecContext(ctx, `DELETE FROM processes WHERE name = ?`, name)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		left, err := query(ctx, conn, func(r *sql.Rows) (p ledger.Part, err error) { return p, r.Scan(&p.Pot.ID, &p.Amount) },
			`SELECT project, balance FROM accounts WHERE kind = 3 AND process = ? AND balance > 0 ORDER BY project`, name)
		if err != nil {
			return err
		}
		for _, p := range left {
			_, err := transfer(ctx, conn, ledger.Transaction{At: time.Now(), Kind: ledger.Returned,
				From: ledger.Account{Kind: ledger.Lease, Process: name, Project: p.Pot.ID},
				To:   ledger.Account{Kind: ledger.Project, Project: p.Pot.ID}, Amount: p.Amount, Note: "its process has ended"})
			if err != nil {
				return err
			}
			returned += p.Amount
		}
		for _, statement := range []string{
			`DELETE FROM allowances WHERE process = ?`,
			`DELETE FROM wants WHERE process = ?`,
			`DELETE FROM claims WHERE process = ?`,
		} {
			if _, err := conn.ExecContext(ctx, statement, name); err != nil {
				return err
			}
		}
		return nil
	})
	return returned, err
}

// Beat implements store.Money.
func (s *Store) Beat(ctx context.Context, now, since time.Time) (alive int, err error) {
	done, err := s.writing()
	if err != nil {
		return 0, err
	}
	defer done()
	err = s.writer.tx(ctx, "say that this process serves", func(ctx context.Context, conn *sql.Conn) error {
		if err := s.present(ctx, conn); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `UPDATE processes SET beat = ? WHERE name = ?`, nanos(now), s.process()); err != nil {
			return err
		}
		return conn.QueryRowContext(ctx, `SELECT count(*) FROM processes WHERE beat > ? OR name = ?`, nanos(since), s.process()).Scan(&alive)
	})
	return alive, err
}
