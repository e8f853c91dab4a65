package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"vision/internal/ledger"
	"vision/internal/store"
)

// Accounts that the first migration with money made.
const (
	bankAccount    = 1
	revenueAccount = 2
)

const findAccount = `SELECT id, balance FROM accounts WHERE kind = ? AND process = ? AND project = ?`

// account finds an account and its balance, or opens it.
func account(ctx context.Context, conn *sql.Conn, a ledger.Account) (id int64, balance ledger.Amount, err error) {
	err = conn.QueryRowContext(ctx, findAccount, int64(a.Kind), a.Process, a.Project).Scan(&id, &balance)
	if err == sql.ErrNoRows {
		id, err = inserted(ctx, conn, `INSERT INTO accounts (kind, process, project, balance) VALUES (?, ?, ?, 0)`, int64(a.Kind), a.Process, a.Project)
	}
	return id, balance, err
}

// lastTransfer is the greatest ID of a transfer.
func lastTransfer(ctx context.Context, from querier) (int64, error) {
	return one(ctx, from, integer, `SELECT coalesce(max(id), 0) FROM transfers`)
}

// transfer books a transaction. It gives store.ErrInsufficient if the source
// does not have the amount.
func transfer(ctx context.Context, conn *sql.Conn, t ledger.Transaction) (ledger.Transaction, error) {
	if err := t.Check(); err != nil {
		return t, err
	}
	var ids [2]int64
	for i, e := range t.Entries() {
		id, balance, err := account(ctx, conn, e.Account)
		if err != nil {
			return t, err
		}
		after, err := balance.Add(e.Amount)
		if err != nil {
			return t, fmt.Errorf("the balance of %v: %w", e.Account, err)
		}
		if after < 0 && e.Account.Kind != ledger.Bank {
			return t, fmt.Errorf("%v has %v: %w", e.Account, balance, store.ErrInsufficient)
		}
		if _, err := conn.ExecContext(ctx, `UPDATE accounts SET balance = ? WHERE id = ?`, int64(after), id); err != nil {
			return t, err
		}
		ids[i] = id
	}
	var err error
	t.ID, err = inserted(ctx, conn, `INSERT INTO transfers (at, kind, source, target, amount, project, request, note, reference) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		nanos(t.At), int64(t.Kind), ids[0], ids[1], int64(t.Amount), t.Project(), t.Request, t.Note, t.Reference)
	t.At = timeAt(nanos(t.At))
	return t, err
}

// rootOf is a key's root; its own ID if nobody knows the key.
func rootOf(ctx context.Context, conn *sql.Conn, key int64) (int64, error) {
	list, err := query(ctx, conn, integer, `SELECT root FROM keys WHERE id = ?`, key)
	if err != nil || len(list) == 0 {
		return key, err
	}
	return list[0], nil
}

// Deposit implements store.Money.
func (s *Store) Deposit(ctx context.Context, project int64, amount ledger.Amount, reference, note string, at time.Time) (ledger.Transaction, error) {
	return s.movement(ctx, fmt.Sprintf("deposit into project %d", project), func(ctx context.Context, conn *sql.Conn) (ledger.Transaction, error) {
		if reference != "" {
			earlier, err := one(ctx, conn, scanTransaction, selectTransactions+`WHERE t.reference = ? AND t.reference <> ''`, reference)
			switch {
			case err == nil && earlier.To.Project == project && earlier.Amount == amount:
				return earlier, nil
			case err == nil:
				return earlier, fmt.Errorf("the payment %q was booked as %v for project %d: %w", reference, earlier.Amount, earlier.To.Project, store.ErrExists)
			case err != store.ErrNotFound:
				return earlier, err
			}
		}
		if err := projectKnown(ctx, conn, project); err != nil {
			return ledger.Transaction{}, err
		}
		return transfer(ctx, conn, ledger.Transaction{At: at, Kind: ledger.Deposit, From: ledger.Account{Kind: ledger.Bank},
			To: ledger.Account{Kind: ledger.Project, Project: project}, Amount: amount, Reference: reference, Note: note})
	})
}

// Adjust implements store.Money.
func (s *Store) Adjust(ctx context.Context, project int64, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error) {
	short := false
	t, err := s.movement(ctx, fmt.Sprintf("adjust the balance of project %d", project), func(ctx context.Context, conn *sql.Conn) (ledger.Transaction, error) {
		if err := projectKnown(ctx, conn, project); err != nil {
			return ledger.Transaction{}, err
		}
		t := ledger.Transaction{At: at, Kind: ledger.Adjust, From: ledger.Account{Kind: ledger.Bank},
			To: ledger.Account{Kind: ledger.Project, Project: project}, Amount: amount, Note: note}
		if amount < 0 {
			t.From, t.To, t.Amount = t.To, t.From, -amount
			_, balance, err := account(ctx, conn, t.From)
			if err != nil {
				return t, err
			}
			short = balance < t.Amount
		}
		return transfer(ctx, conn, t)
	})
	if err == nil || !short {
		return t, err
	}
	asked := s.writer.tx(ctx, "ask for what is on lease", func(ctx context.Context, conn *sql.Conn) error {
		return s.want(ctx, conn, ledger.Pot{Kind: ledger.ProjectPot, ID: project})
	})
	if asked != nil {
		s.log.Warn("gateways were not asked to give back what is on lease", "project", project, "error", asked)
	}
	return t, err
}

// Refund implements store.Money.
func (s *Store) Refund(ctx context.Context, request string, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error) {
	if err := s.settle(ctx); err != nil {
		return ledger.Transaction{}, err
	}
	return s.movement(ctx, "refund "+request, func(ctx context.Context, conn *sql.Conn) (ledger.Transaction, error) {
		r, err := one(ctx, conn, scanReceipt, selectReceipts+`WHERE request = ?`, request)
		if err != nil {
			return ledger.Transaction{}, err
		}
		refunded, err := one(ctx, conn, integer, refundsOf, request)
		if err != nil {
			return ledger.Transaction{}, err
		}
		if amount > r.Charged-ledger.Amount(refunded) {
			return ledger.Transaction{}, fmt.Errorf("%v were charged and %v refunded: %w", r.Charged, ledger.Amount(refunded), store.ErrInsufficient)
		}
		return transfer(ctx, conn, ledger.Transaction{At: at, Kind: ledger.Refund, From: ledger.Account{Kind: ledger.Revenue},
			To: ledger.Account{Kind: ledger.Project, Project: r.Project}, Amount: amount, Request: request, Note: note})
	})
}

const refundsOf = `SELECT coalesce(sum(amount), 0) FROM transfers INDEXED BY transfers_refunds WHERE request = ? AND kind = 6`

// movement books one transaction.
func (s *Store) movement(ctx context.Context, what string, f func(context.Context, *sql.Conn) (ledger.Transaction, error)) (ledger.Transaction, error) {
	done, err := s.writing()
	if err != nil {
		return ledger.Transaction{}, err
	}
	defer done()
	var t ledger.Transaction
	err = s.writer.tx(ctx, what, func(ctx context.Context, conn *sql.Conn) (err error) {
		t, err = f(ctx, conn)
		return err
	})
	if err != nil {
		t = ledger.Transaction{}
	}
	return t, err
}

// settle moves what this process recorded, where there is something to move.
func (s *Store) settle(ctx context.Context) error {
	done, err := s.settled(ctx)
	if err == nil {
		done()
	}
	return err
}
