package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vision/internal/ledger"
	"vision/internal/task"
)

// batch is how many receipts are written by one statement, where there are as
// many: half of a statement's cost does not depend on its rows.
const batch = 32

var (
	receiptRow = `(` + strings.Repeat(`?, `, 15) + `?)`
	chargeRow  = `(?, ?, 5, ?, 2, ?, ?, ?, '', '')`

	// A request that has a receipt is not charged again.
	insertReceipt  = `INSERT INTO receipts VALUES ` + receiptRow + ` ON CONFLICT DO NOTHING`
	insertReceipts = `INSERT INTO receipts VALUES ` + receiptRow + strings.Repeat(`, `+receiptRow, batch-1)
	insertCharge   = `INSERT INTO transfers VALUES ` + chargeRow
	insertCharges  = `INSERT INTO transfers VALUES ` + chargeRow + strings.Repeat(`, `+chargeRow, batch-1)
)

const (
	insertCover = `INSERT INTO transfers VALUES (?, ?, 7, 1, ?, ?, ?, '', ?, '')`
	addUsage    = `INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
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
		for left := m.owed; len(left) > 0; {
			n := min(batch, len(left))
			if err := b.receipts(m.insert, left[:n]); err != nil {
				return fmt.Errorf("book the receipts from %s on: %w", left[0].Request, err)
			}
			left = left[n:]
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

// receipts writes up to a batch of receipts and their charges.
func (b *booking) receipts(in *inserter, list []ledger.Receipt) error {
	if len(list) == batch {
		if done, err := b.together(in, list); done || err != nil {
			return err
		}
	}
	for i := range list {
		if err := b.receipt(in, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// together writes a batch by one statement each for receipts and charges. It
// does nothing, and says so, where a receipt needs to be looked at: because its
// request has one, or its lease cannot pay.
func (b *booking) together(in *inserter, list []ledger.Receipt) (done bool, err error) {
	var charges int64
	var due [batch]ledger.Amount // by lease, in the order of their first receipts
	var leases [batch]*leased
	n := 0
	for i := range list {
		r := &list[i]
		var charge int64
		if r.Charged > 0 {
			charges++
			charge = b.last + charges
			lease := b.leases[r.Project]
			k := slices.Index(leases[:n], lease)
			if k < 0 {
				k, n = n, n+1
				leases[k] = lease
			}
			if due[k] += r.Charged; due[k] > lease.balance {
				return false, nil
			}
		}
		in.manyReceipts.set(i*16, receiptValues(r, charge))
	}
	if _, err := in.manyReceipts.run(b.ctx); err != nil {
		if constraint(err) {
			return false, nil // the statement has done nothing
		}
		return false, err
	}
	if charges == batch {
		for i := range list {
			in.manyCharges.set(i*6, b.chargeValues(&list[i], b.last+1+int64(i)))
		}
		if _, err := in.manyCharges.run(b.ctx); err != nil {
			return false, err
		}
		b.last += charges
	}
	for i := range list {
		r := &list[i]
		if r.Charged > 0 && charges < batch {
			b.last++
			if _, err := in.charge.exec(b.ctx, b.chargeValues(r, b.last)...); err != nil {
				return false, err
			}
		}
		b.count(r)
	}
	return true, nil
}

// constraint says that a row was there already, or breaks a rule.
func constraint(err error) bool {
	var code interface{ Code() int }
	return errors.As(err, &code) && code.Code()&0xff == 19
}

func receiptValues(r *ledger.Receipt, charge int64) []driver.Value {
	return []driver.Value{r.Request, r.Project, r.Key, r.Task, nanos(r.At), string(r.Unit), r.Work.Prompt, r.Work.Units,
		r.Price.Prompt, r.Price.Output, int64(r.Cost), int64(r.Charged), int64(r.Class), r.Miner[:], int64(r.Tries), charge}
}

func (b *booking) chargeValues(r *ledger.Receipt, id int64) []driver.Value {
	return []driver.Value{id, nanos(r.At), b.leases[r.Project].account, int64(r.Charged), r.Project, r.Request}
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
	added, err := in.receipt.exec(b.ctx, receiptValues(r, charge)...)
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
		if _, err := in.charge.exec(b.ctx, b.chargeValues(r, charge)...); err != nil {
			return err
		}
		b.last = charge
	}
	b.count(r)
	return nil
}

// cover makes up for a lease that cannot pay: what was acknowledged is booked,
// and no balance goes below 0.
func (b *booking) cover(in *inserter, r *ledger.Receipt, lease *leased, missing ledger.Amount) error {
	b.last++
	if _, err := in.cover.exec(b.ctx, b.last, nanos(r.At), lease.account, int64(missing), r.Project, "for the charge of "+r.Request); err != nil {
		return err
	}
	lease.balance += missing
	b.covered += missing
	return nil
}

// count adds a receipt that was written to the sums.
func (b *booking) count(r *ledger.Receipt) {
	if r.Charged > 0 {
		b.leases[r.Project].balance -= r.Charged
		b.earned += r.Charged
		b.spent[r.Key] += r.Charged
	}
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
