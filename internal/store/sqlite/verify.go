package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"vision/internal/ledger"
)

// Verify implements store.Money. It reads one snapshot of the database, all of
// the ledger once, and holds up nobody who writes.
func (s *Store) Verify(ctx context.Context) (report ledger.Report, err error) {
	done, err := s.settled(ctx)
	if err != nil {
		return report, err
	}
	defer done()
	conn, err := s.reads.Conn(ctx)
	if err != nil {
		return report, fmt.Errorf("verify the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return report, fmt.Errorf("verify the ledger: %w", err)
	}
	defer func() {
		_, end := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		err = errors.Join(err, end)
	}()
	if report, err = audit(ctx, conn); err != nil {
		return report, fmt.Errorf("verify the ledger: %w", err)
	}
	return report, nil
}

// guards are the schema's own, which keep the ledger append-only.
var guards = []string{"transfers_stay", "transfers_same", "receipts_stay", "receipts_same"}

func audit(ctx context.Context, conn *sql.Conn) (ledger.Report, error) {
	a := ledger.NewAuditor()
	err := each(ctx, conn, func(r *sql.Rows) error {
		var t ledger.Transaction
		var at int64
		var source, sourceProject, target, targetProject sql.NullInt64
		var sourceProcess, targetProcess sql.NullString
		var project, charged, charge sql.NullInt64
		err := r.Scan(&t.ID, &at, &t.Kind, &source, &sourceProcess, &sourceProject, &target, &targetProcess, &targetProject,
			&t.Amount, &t.Request, &t.Note, &t.Reference, &project, &charged, &charge)
		if err != nil {
			return err
		}
		if !source.Valid || !target.Valid {
			a.Find(ledger.BadTransaction, "transaction %d names an account that is not there", t.ID)
		}
		t.At = timeAt(at)
		t.From = ledger.Account{Kind: ledger.AccountKind(source.Int64), Process: sourceProcess.String, Project: sourceProject.Int64}
		t.To = ledger.Account{Kind: ledger.AccountKind(target.Int64), Process: targetProcess.String, Project: targetProject.Int64}
		var receipt *ledger.Booked
		if project.Valid {
			receipt = &ledger.Booked{Project: project.Int64, Charged: ledger.Amount(charged.Int64), Transaction: charge.Int64}
		}
		a.Transaction(&t, receipt)
		return nil
	}, `SELECT t.id, t.at, t.kind, s.kind, s.process, s.project, d.kind, d.process, d.project, t.amount, t.request, t.note, t.reference,
			r.project, r.charged, r.transfer
		FROM transfers t LEFT JOIN accounts s ON s.id = t.source LEFT JOIN accounts d ON d.id = t.target LEFT JOIN receipts r ON r.request = t.request
		ORDER BY t.id`)
	if err == nil {
		err = each(ctx, conn, func(r *sql.Rows) error {
			b, err := scanBooked(r)
			if err == nil {
				a.Receipt(&b.Receipt, b.charge)
			}
			return err
		}, selectReceipts)
	}
	if err == nil {
		err = each(ctx, conn, func(r *sql.Rows) error {
			var account ledger.Account
			var balance ledger.Amount
			err := r.Scan(&account.Kind, &account.Process, &account.Project, &balance)
			if err == nil {
				a.Account(account, balance)
			}
			return err
		}, `SELECT kind, process, project, balance FROM accounts ORDER BY id`)
	}
	if err == nil {
		err = auditSums(ctx, conn, a)
	}
	if err != nil {
		return ledger.Report{}, err
	}
	last, err := lastTransfer(ctx, conn)
	if err != nil {
		return ledger.Report{}, err
	}
	return a.Report(last), nil
}

const (
	usageSums    = `SELECT project, at / 86400000000000, key, task, unit, count(*), coalesce(sum(class = 1), 0), sum(prompt), sum(units), sum(cost), sum(charged) FROM receipts GROUP BY 1, 2, 3, 4, 5`
	spendingSums = `SELECT coalesce(k.root, r.key), sum(r.charged) FROM receipts r LEFT JOIN keys k ON k.id = r.key WHERE r.charged > 0 GROUP BY 1`
)

// auditSums compares what is kept of receipts in sums with them, and looks
// after what only the database knows.
func auditSums(ctx context.Context, conn *sql.Conn, a *ledger.Auditor) error {
	for _, c := range []struct{ code, text, query string }{
		{ledger.WrongUsage, "the usage of project %d on day %d since 1970 is not the sum of its receipts",
			`SELECT DISTINCT project, day FROM (SELECT * FROM (SELECT * FROM usage EXCEPT ` + usageSums + `) UNION ALL SELECT * FROM (` + usageSums + ` EXCEPT SELECT * FROM usage))`},
		{ledger.WrongSpending, "what was charged to the allowance of key %d and those after it, %d micro-credits, is not the sum of its receipts",
			`SELECT root, spent FROM (SELECT * FROM (SELECT root, spent FROM spending EXCEPT ` + spendingSums + `) UNION ALL SELECT * FROM (` + spendingSums + ` EXCEPT SELECT root, spent FROM spending))`},
		{ledger.WrongSpending, "what was charged to the allowance of key %d, and is on lease of it, exceeds its limit by %d micro-credits",
			`SELECT k.root, used - k.spend_limit FROM (SELECT root, sum(amount) AS used FROM (SELECT root, spent AS amount FROM spending UNION ALL SELECT root, amount FROM allowances) GROUP BY root) u
			JOIN keys k ON k.root = u.root WHERE k.id = (SELECT max(id) FROM keys WHERE root = u.root) AND k.spend_limit > 0 AND used > k.spend_limit`},
		{ledger.StrayLease, "project %d has %d micro-credits on lease to a process that is not known",
			`SELECT project, balance FROM accounts INDEXED BY accounts_leased WHERE kind = 3 AND balance > 0 AND process NOT IN (SELECT name FROM processes)`},
	} {
		err := each(ctx, conn, func(r *sql.Rows) error {
			var x, y int64
			if err := r.Scan(&x, &y); err != nil {
				return err
			}
			a.Find(c.code, c.text, x, y)
			return nil
		}, c.query)
		if err != nil {
			return err
		}
	}
	for _, name := range guards {
		n, err := one(ctx, conn, integer, `SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name = ?`, name)
		if err != nil {
			return err
		}
		if n == 0 {
			a.Find(ledger.NotAppendOnly, "the trigger %s is gone", name)
		}
	}
	return nil
}
