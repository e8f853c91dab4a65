package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"vision/internal/ledger"
	"vision/internal/task"
)

const (
	// A request that has a receipt is not charged again.
	insertReceipt = `INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	insertCharge  = `INSERT INTO transfers VALUES (?, ?, 5, ?, 2, ?, ?, ?, ?, '')`
	addUsage      = `INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
		requests = requests + excluded.requests, partial = partial + excluded.partial, prompt = prompt + excluded.prompt,
		units = units + excluded.units, cost = cost + excluded.cost, charged = charged + excluded.charged`
)

// book writes the receipts of a move: their rows, their charges to the leases
// of the process that recorded them, and, once for all of them, the sums.
func (m *mover) book(ctx context.Context, conn *sql.Conn, process string) error {
	if len(m.owed) == 0 {
		return nil
	}
	b := booking{ctx: ctx, conn: conn, process: process, leases: map[int64]*leased{}, usage: map[usageRow]*usageSum{}, spent: map[int64]ledger.Amount{}}
	if err := b.load(m.owed); err != nil {
		return fmt.Errorf("look up the leases of %s: %w", process, err)
	}
	err := conn.Raw(func(any) error {
		for i := range m.owed {
			if err := b.receipt(m.insert, &m.owed[i]); err != nil {
				return fmt.Errorf("book the receipt %s: %w", m.owed[i].Request, err)
			}
		}
		return b.sums(m.insert)
	})
	if err == nil {
		err = b.balances()
	}
	if err == nil && (b.doubled > 0 || b.covered > 0) {
		m.log.Warn("receipts that should not be", "process", process, "of requests that had one", b.doubled, "beyond the lease, in credits", b.covered.String())
	}
	return err
}

// booking is the receipts of one process in one transaction.
type booking struct {
	ctx     context.Context
	conn    *sql.Conn
	process string

	last    int64 // ID of a transfer
	leases  map[int64]*leased
	usage   map[usageRow]*usageSum
	spent   map[int64]ledger.Amount // by key
	earned  ledger.Amount
	covered ledger.Amount
	doubled int
}

// leased is a lease's account.
type leased struct {
	account       int64
	balance, then ledger.Amount // then: before
}

type usageRow struct {
	project, day, key int64
	task, unit        string
}

type usageSum struct {
	requests, partial int64
	work              task.Work
	cost, charged     ledger.Amount
}

// load finds the accounts that the receipts are charged to.
func (b *booking) load(receipts []ledger.Receipt) (err error) {
	if b.last, err = lastTransfer(b.ctx, b.conn); err != nil {
		return err
	}
	for i := range receipts {
		r := &receipts[i]
		if r.Charged == 0 || b.leases[r.Project] != nil {
			continue
		}
		id, balance, err := account(b.ctx, b.conn, ledger.Account{Kind: ledger.Lease, Project: r.Project, Process: b.process})
		if err != nil {
			return err
		}
		b.leases[r.Project] = &leased{id, balance, balance}
	}
	return nil
}

// receipt writes a receipt and its charge.
func (b *booking) receipt(in *inserter, r *ledger.Receipt) error {
	var charge int64
	var missing ledger.Amount
	lease := b.leases[r.Project]
	if r.Charged > 0 {
		charge = b.last + 1
		if missing = r.Charged - lease.balance; missing > 0 {
			charge++ // the cover comes first
		}
	}
	added, err := in.receipt.exec(b.ctx, r.Request, r.Project, r.Key, r.Task, nanos(r.At), string(r.Unit), r.Work.Prompt, r.Work.Units,
		r.Price.Prompt, r.Price.Output, int64(r.Cost), int64(r.Charged), int64(r.Class), r.Miner[:], int64(r.Tries), charge)
	if err != nil {
		return err
	}
	if n, err := added.RowsAffected(); err != nil || n == 0 {
		b.doubled++
		return err
	}
	if missing > 0 {
		if err := b.cover(in, r, lease, missing); err != nil {
			return err
		}
	}
	if r.Charged > 0 {
		if _, err := in.transfer.exec(b.ctx, charge, nanos(r.At), lease.account, int64(r.Charged), r.Project, r.Request, ""); err != nil {
			return err
		}
		b.last = charge
		lease.balance -= r.Charged
		b.earned += r.Charged
		b.spent[r.Key] += r.Charged
	}
	b.count(r)
	return nil
}

// cover makes up for a lease that cannot pay: what was acknowledged is booked,
// and no balance goes below 0.
func (b *booking) cover(in *inserter, r *ledger.Receipt, lease *leased, missing ledger.Amount) error {
	s, err := prepare(b.ctx, in.receipt.raw, `INSERT INTO transfers VALUES (?, ?, 7, 1, ?, ?, ?, '', ?, '')`, 6)
	if err != nil {
		return err
	}
	defer s.close()
	b.last++
	if _, err := s.exec(b.ctx, b.last, nanos(r.At), lease.account, int64(missing), r.Project, "for the charge of "+r.Request); err != nil {
		return err
	}
	lease.balance += missing
	b.covered += missing
	return nil
}

func (b *booking) count(r *ledger.Receipt) {
	row := usageRow{r.Project, dayOf(nanos(r.At)), r.Key, r.Task, string(r.Unit)}
	u := b.usage[row]
	if u == nil {
		u = &usageSum{}
		b.usage[row] = u
	}
	u.requests++
	if r.Class == ledger.Partial {
		u.partial++
	}
	u.work.Prompt += r.Work.Prompt
	u.work.Units += r.Work.Units
	u.cost += r.Cost
	u.charged += r.Charged
}

func (b *booking) sums(in *inserter) error {
	for row, u := range b.usage {
		_, err := in.usage.exec(b.ctx, row.project, row.day, row.key, row.task, row.unit, u.requests, u.partial, u.work.Prompt, u.work.Units, int64(u.cost), int64(u.charged))
		if err != nil {
			return fmt.Errorf("sum up the usage of key %d: %w", row.key, err)
		}
	}
	return nil
}

// balances writes what the charges left.
func (b *booking) balances() error {
	run := func(statement string, args ...any) error {
		_, err := b.conn.ExecContext(b.ctx, statement, args...)
		return err
	}
	for _, l := range b.leases {
		if l.balance == l.then {
			continue
		}
		if err := run(`UPDATE accounts SET balance = ? WHERE id = ?`, int64(l.balance), l.account); err != nil {
			return err
		}
	}
	if b.earned > 0 {
		if err := run(`UPDATE accounts SET balance = balance + ? WHERE id = ?`, int64(b.earned), revenueAccount); err != nil {
			return err
		}
	}
	if b.covered > 0 {
		if err := run(`UPDATE accounts SET balance = balance - ? WHERE id = ?`, int64(b.covered), bankAccount); err != nil {
			return err
		}
	}
	for key, amount := range b.spent {
		root, err := rootOf(b.ctx, b.conn, key)
		if err != nil {
			return err
		}
		if err := run(`INSERT INTO spending VALUES (?, ?) ON CONFLICT DO UPDATE SET spent = spent + excluded.spent`, root, int64(amount)); err != nil {
			return err
		}
		if err := run(`UPDATE allowances SET amount = max(0, amount - ?) WHERE root = ? AND process = ?`, int64(amount), root, b.process); err != nil {
			return err
		}
	}
	return nil
}

const day = 86_400_000_000_000 // nanoseconds

func dayOf(nanos int64) int64 { return nanos / day }
