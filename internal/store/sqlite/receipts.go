package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"vision/internal/ledger"
	"vision/internal/task"
)

const (
	selectReceipts = `SELECT request, project, key, task, at, unit, prompt, units, price_prompt, price_output, cost, charged, class, miner, tries, transfer FROM receipts `

	selectTransactions = `SELECT t.id, t.at, t.kind, s.kind, s.process, s.project, d.kind, d.process, d.project, t.amount, t.request, t.note, t.reference
		FROM transfers t JOIN accounts s ON s.id = t.source JOIN accounts d ON d.id = t.target `
)

// booked is a receipt and the ID of its charge.
type booked struct {
	ledger.Receipt
	charge int64
}

func scanBooked(r *sql.Rows) (b booked, err error) {
	var miner sql.RawBytes
	var at int64
	err = r.Scan(&b.Request, &b.Project, &b.Key, &b.Task, &at, &b.Unit, &b.Work.Prompt, &b.Work.Units,
		&b.Price.Prompt, &b.Price.Output, &b.Cost, &b.Charged, &b.Class, &miner, &b.Tries, &b.charge)
	copy(b.Miner[:], miner)
	b.At = timeAt(at)
	return b, err
}

func scanReceipt(r *sql.Rows) (ledger.Receipt, error) {
	b, err := scanBooked(r)
	return b.Receipt, err
}

func scanTransaction(r *sql.Rows) (t ledger.Transaction, err error) {
	var at int64
	err = r.Scan(&t.ID, &at, &t.Kind, &t.From.Kind, &t.From.Process, &t.From.Project, &t.To.Kind, &t.To.Process, &t.To.Project,
		&t.Amount, &t.Request, &t.Note, &t.Reference)
	t.At = timeAt(at)
	return t, err
}

// where collects conditions.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// between adds a span of time of a column.
func (w *where) between(column string, from, to time.Time) {
	if !from.IsZero() {
		w.add(column+` >= ?`, nanos(from))
	}
	if !to.IsZero() {
		w.add(column+` < ?`, nanos(to))
	}
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return `WHERE ` + strings.Join(w.conditions, ` AND `)
}

// Receipt implements store.Money.
func (s *Store) Receipt(ctx context.Context, request string) (ledger.Receipt, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return ledger.Receipt{}, err
	}
	defer done()
	r, err := one(ctx, s.reads, scanReceipt, selectReceipts+`WHERE request = ?`, request)
	if err != nil {
		return r, fmt.Errorf("the receipt of %.60q: %w", request, err)
	}
	return r, nil
}

// Receipts implements store.Money.
func (s *Store) Receipts(ctx context.Context, q ledger.ReceiptQuery, limit int) ([]ledger.Receipt, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	text, args := receiptsOf(q, limit)
	list, err := query(ctx, s.reads, scanReceipt, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list the receipts of project %d: %w", q.Project, err)
	}
	return list, nil
}

func receiptsOf(q ledger.ReceiptQuery, limit int) (text string, args []any) {
	var w where
	w.add(`project = ?`, q.Project)
	if q.Key != 0 {
		w.add(`key = ?`, q.Key)
	}
	w.between(`at`, q.From, q.To)
	if q.After != nil {
		w.add(`(at, request) > (?, ?)`, nanos(q.After.At), q.After.Request)
	}
	return selectReceipts + `INDEXED BY receipts_project ` + w.String() + ` ORDER BY at, request LIMIT ?`, append(w.args, limit)
}

// Transactions implements store.Money.
func (s *Store) Transactions(ctx context.Context, q ledger.TransactionQuery, limit int) ([]ledger.Transaction, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	text, args := transactionsOf(q, limit)
	list, err := query(ctx, s.reads, scanTransaction, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list transactions: %w", err)
	}
	return list, nil
}

// few are the kinds of which there are few, and an index.
var few = []ledger.Kind{ledger.Deposit, ledger.Adjust, ledger.Refund, ledger.Cover}

func transactionsOf(q ledger.TransactionQuery, limit int) (text string, args []any) {
	var w where
	w.add(`t.id > ?`, q.After)
	if q.Project != 0 {
		w.add(`t.project = ?`, q.Project)
	}
	indexed := q.Project != 0 && len(q.Kinds) > 0
	if len(q.Kinds) > 0 {
		var kinds []any
		for _, k := range q.Kinds {
			kinds = append(kinds, int64(k))
			indexed = indexed && slices.Contains(few, k)
		}
		w.add(`t.kind IN (?`+strings.Repeat(`, ?`, len(kinds)-1)+`)`, kinds...)
	}
	w.between(`t.at`, q.From, q.To)
	text = selectTransactions
	if indexed {
		w.add(`t.kind IN (1, 2, 6, 7)`)
		text = strings.Replace(text, `transfers t`, `transfers t INDEXED BY transfers_other`, 1)
	}
	return text + w.String() + ` ORDER BY t.id LIMIT ?`, append(w.args, limit)
}

// Usage implements store.Money.
func (s *Store) Usage(ctx context.Context, q ledger.UsageQuery) ([]ledger.Usage, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	text, args := usageOf(q)
	list, err := query(ctx, s.reads, func(r *sql.Rows) (u ledger.Usage, err error) {
		var at int64
		err = r.Scan(&u.Project, &u.Key, &u.Task, &at, &u.Unit, &u.Requests, &u.Partial, &u.Work.Prompt, &u.Work.Units, &u.Cost, &u.Charged)
		if q.By&ledger.ByDay != 0 {
			u.Day = time.Unix(0, at*day).UTC()
		}
		return u, err
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("sum up usage: %w", err)
	}
	return list, nil
}

func usageOf(q ledger.UsageQuery) (text string, args []any) {
	var w where
	if q.Project != 0 {
		w.add(`project = ?`, q.Project)
	}
	if !q.From.IsZero() {
		w.add(`day >= ?`, dayOf(nanos(q.From)))
	}
	if !q.To.IsZero() {
		w.add(`day < ?`, dayOf(nanos(q.To)))
	}
	if q.Key != 0 {
		w.add(`key = ?`, q.Key)
	}
	if q.Task != "" {
		w.add(`task = ?`, q.Task)
	}
	var columns, groups []string
	for _, g := range []struct {
		by           ledger.Group
		column, none string
	}{{ledger.ByProject, `project`, `0`}, {ledger.ByKey, `key`, `0`}, {ledger.ByTask, `task`, `''`}, {ledger.ByDay, `day`, `0`}} {
		if q.By&g.by == 0 {
			columns = append(columns, g.none)
			continue
		}
		columns, groups = append(columns, g.column), append(groups, g.column)
	}
	by := strings.Join(append(groups, `unit`), `, `)
	return `SELECT ` + strings.Join(columns, `, `) + `, unit, sum(requests), sum(partial), sum(prompt), sum(units), sum(cost), sum(charged) FROM usage ` +
		w.String() + ` GROUP BY ` + by + ` ORDER BY ` + by, w.args
}

// Spending implements store.Money.
func (s *Store) Spending(ctx context.Context) (map[int64]ledger.Spending, error) {
	done, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	all := map[int64]ledger.Spending{}
	_, err = query(ctx, s.reads, func(r *sql.Rows) (_ struct{}, err error) {
		var root int64
		var p ledger.Spending
		err = r.Scan(&root, &p.Spent, &p.Leased)
		sum := all[root]
		all[root] = ledger.Spending{Spent: sum.Spent + p.Spent, Leased: sum.Leased + p.Leased}
		return struct{}{}, err
	}, `SELECT root, spent, 0 FROM spending UNION ALL SELECT root, 0, amount FROM allowances WHERE amount > 0`)
	if err != nil {
		return nil, fmt.Errorf("list what keys have spent: %w", err)
	}
	return all, nil
}

// SavePrices implements store.Money.
func (s *Store) SavePrices(ctx context.Context, prices map[string]task.Price, at time.Time) ([]ledger.PriceChange, error) {
	done, err := s.writing()
	if err != nil {
		return nil, err
	}
	defer done()
	var names []string
	for name := range prices {
		names = append(names, name)
	}
	slices.Sort(names)
	var noted []ledger.PriceChange
	err = s.writer.tx(ctx, "note the prices", func(ctx context.Context, conn *sql.Conn) error {
		noted = nil
		for _, name := range names {
			p := prices[name]
			last, err := query(ctx, conn, scanPrice, `SELECT task, since, prompt, output FROM prices WHERE task = ? ORDER BY since DESC LIMIT 1`, name)
			if err != nil {
				return err
			}
			if len(last) > 0 && last[0].Price == p {
				continue
			}
			// A change noted at the same instant, or by a clock ahead of ours, stands
			// corrected rather than hidden by an earlier date.
			since := nanos(at)
			if len(last) > 0 {
				since = max(since, nanos(last[0].Since)+1)
			}
			if _, err := conn.ExecContext(ctx, `INSERT INTO prices VALUES (?, ?, ?, ?)`, name, since, p.Prompt, p.Output); err != nil {
				return fmt.Errorf("of %s: %w", name, err)
			}
			noted = append(noted, ledger.PriceChange{Task: name, Since: timeAt(since), Price: p})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return noted, nil
}

func scanPrice(r *sql.Rows) (p ledger.PriceChange, err error) {
	var since int64
	err = r.Scan(&p.Task, &since, &p.Price.Prompt, &p.Price.Output)
	p.Since = timeAt(since)
	return p, err
}

// Prices implements store.Money.
func (s *Store) Prices(ctx context.Context, task string) ([]ledger.PriceChange, error) {
	done, err := s.reading()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := query(ctx, s.reads, scanPrice, `SELECT task, since, prompt, output FROM prices WHERE task = ?1 OR ?1 = '' ORDER BY task, since`, task)
	if err != nil {
		return nil, fmt.Errorf("list prices: %w", err)
	}
	return list, nil
}
