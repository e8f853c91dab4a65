package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/store"
)

// CreateProject implements store.Money.
func (s *Store) CreateProject(ctx context.Context, p apikey.Project) (apikey.Project, error) {
	if err := p.Check(); err != nil {
		return p, fault.New(fault.Invalid, "invalid_project", "%v", err)
	}
	done, err := s.writing()
	if err != nil {
		return p, err
	}
	defer done()
	err = s.writer.tx(ctx, "create the project "+p.Name, func(ctx context.Context, conn *sql.Conn) error {
		taken, err := query(ctx, conn, integer, `SELECT id FROM projects WHERE name = ?`, p.Name)
		if err != nil {
			return err
		}
		if len(taken) > 0 {
			return store.ErrExists
		}
		p.ID, err = inserted(ctx, conn, `INSERT INTO projects (name, kind, created, archived) VALUES (?, ?, ?, ?)`,
			p.Name, int64(p.Kind), nanos(p.Created), nanos(p.Archived))
		if err != nil {
			return err
		}
		_, _, err = account(ctx, conn, ledger.Account{Kind: ledger.Project, Project: p.ID})
		return err
	})
	if err != nil {
		p.ID = 0
	}
	return p, err
}

// Projects implements store.Money.
func (s *Store) Projects(ctx context.Context) ([]apikey.Project, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (p apikey.Project, err error) {
		var created, archived int64
		err = r.Scan(&p.ID, &p.Name, &p.Kind, &created, &archived)
		p.Created, p.Archived = timeAt(created), timeAt(archived)
		return p, err
	}, `SELECT id, name, kind, created, archived FROM projects ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	return list, nil
}

// ArchiveProject implements store.Money.
func (s *Store) ArchiveProject(ctx context.Context, id int64, at time.Time) error {
	done, err := s.writing()
	if err != nil {
		return err
	}
	defer done()
	if at.IsZero() {
		return fmt.Errorf("archive project %d: no time given", id)
	}
	if id == apikey.DefaultProject {
		return fault.New(fault.Invalid, "default_project", "The default project cannot be archived: keys without a project are its keys. Revoke them instead.")
	}
	return s.writer.tx(ctx, fmt.Sprintf("archive project %d", id), func(ctx context.Context, conn *sql.Conn) error {
		return changed(ctx, conn, `UPDATE projects SET archived = ? WHERE id = ? AND archived = 0`, nanos(at), id)
	})
}

// projectKnown gives store.ErrNotFound if there is no such project.
func projectKnown(ctx context.Context, conn *sql.Conn, id int64) error {
	_, err := one(ctx, conn, integer, `SELECT id FROM projects WHERE id = ?`, id)
	return err
}

// Balances implements store.Money.
func (s *Store) Balances(ctx context.Context) ([]ledger.Balance, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, func(r *sql.Rows) (b ledger.Balance, err error) {
		return b, r.Scan(&b.Project, &b.Free, &b.Leased)
	}, `SELECT p.id, coalesce(a.balance, 0), (SELECT coalesce(sum(l.balance), 0) FROM accounts l INDEXED BY accounts_leased WHERE l.project = p.id AND l.kind = 3 AND l.balance > 0)
		FROM projects p LEFT JOIN accounts a ON a.kind = 2 AND a.process = '' AND a.project = p.id ORDER BY p.id`)
	if err != nil {
		return nil, fmt.Errorf("list balances: %w", err)
	}
	return list, nil
}

const (
	movedBefore   = `SELECT coalesce(sum(CASE WHEN kind = 2 AND target = 1 THEN -amount ELSE amount END), 0) FROM transfers INDEXED BY transfers_other WHERE project = ? AND kind IN (1, 2, 6, 7) AND at < ?`
	chargedDays   = `SELECT coalesce(sum(charged), 0) FROM usage WHERE project = ? AND day < ?`
	chargedWithin = `SELECT coalesce(sum(charged), 0) FROM receipts WHERE project = ? AND at >= ? AND at < ?`
)

// BalanceAt implements store.Money.
func (s *Store) BalanceAt(ctx context.Context, project int64, at time.Time) (ledger.Amount, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	t := nanos(at)
	list, err := query(ctx, s.reads, integer, `SELECT (`+movedBefore+`) - (`+chargedDays+`) - (`+chargedWithin+`)`,
		project, t, project, dayOf(t), project, dayOf(t)*day, t)
	if err != nil {
		return 0, fmt.Errorf("the balance of project %d at %v: %w", project, at, err)
	}
	return ledger.Amount(list[0]), nil
}
