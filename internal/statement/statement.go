// Package statement is a project's monthly statement: what it had, what was paid
// in, what it used and was charged, and what is left. It is composed from the
// books, adds itself up, and is written as text or as a page to print.
//
//	opening + deposits + adjustments + refunds + cover - charges = closing
//
// Months, and days within them, are of UTC, and a receipt belongs to the day on
// which its request ended. Once a month is over its statement never changes,
// and its closing balance is what the next one opens with. Until then it is
// provisional: it has what is booked so far.
package statement

import (
	"context"
	"fmt"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
)

// Books are what a statement is composed from.
type Books interface {
	// BalanceAt is what a project had at an instant, with what was on lease.
	BalanceAt(ctx context.Context, project int64, at time.Time) (ledger.Amount, error)
	// Transactions lists transactions in the order of their IDs, at most limit.
	Transactions(ctx context.Context, q ledger.TransactionQuery, limit int) ([]ledger.Transaction, error)
	// Usage sums up receipts.
	Usage(ctx context.Context, q ledger.UsageQuery) ([]ledger.Usage, error)
}

// Statement is one project's month.
type Statement struct {
	Project     apikey.Project
	From, To    time.Time // the month: its first instant, and the next one's
	Made        time.Time // when it was composed
	Provisional bool      // the month was not over then

	Opening   ledger.Amount        // balance at From
	Movements []ledger.Transaction // deposits, adjustments, refunds and cover, by ID
	Usage     []ledger.Usage       // by day, task and unit
	Closing   ledger.Amount        // balance at To, or of what is booked so far

	Totals Totals
}

// Totals are the sums of a statement's parts.
type Totals struct {
	Deposits    ledger.Amount
	Adjustments ledger.Amount // below 0: taken off
	Refunds     ledger.Amount
	Cover       ledger.Amount // made up for by the operator
	Charges     ledger.Amount // of the usage
	List        ledger.Amount // the usage at list prices; in a free project nothing of it is charged
	Requests    int64
}

// ErrUnsettled: the books were written to while they were read, each time.
var ErrUnsettled error = fault.New(fault.Unavailable, "books_in_motion", "The month's books changed while they were read. Try again in a few seconds.")

// tries is how often the books are read before they are said to be in motion.
const tries = 5

// Compose makes the statement of the month that holds an instant of UTC. It is
// an error if the books do not add up.
func Compose(ctx context.Context, books Books, p apikey.Project, month, now time.Time) (*Statement, error) {
	month = month.UTC()
	s := &Statement{Project: p, Made: now.UTC()}
	s.From = time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	s.To = s.From.AddDate(0, 1, 0)
	s.Provisional = s.To.After(s.Made)
	if s.From.After(s.Made) {
		return nil, fault.BadParam("month", "%s has not begun.", s.From.Format("January 2006"))
	}
	var wrong error
	if s.From.Year() < 1970 {
		return nil, fault.BadParam("month", "The month is in the year %d, want 1970 or later.", s.From.Year())
	}
	for range tries {
		before, err := books.BalanceAt(ctx, p.ID, s.To)
		if err != nil {
			return nil, err
		}
		if err := s.read(ctx, books); err != nil {
			return nil, err
		}
		after, err := books.BalanceAt(ctx, p.ID, s.To)
		if err != nil {
			return nil, err
		}
		if s.Closing == after {
			return s, nil
		}
		wrong = nil
		if before == after {
			wrong = fmt.Errorf("the statement of project %d for %s closes with %v, the ledger with %v: run the ledger's verification",
				p.ID, s.From.Format("2006-01"), s.Closing, after)
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	if s.Provisional { // charges come in all the time; what was read adds up
		return s, nil
	}
	return nil, ErrUnsettled
}

// page is how many transactions are read at once.
const page = 1000

// read reads the month once. Its usage is read in one piece, and the movements
// as well.
func (s *Statement) read(ctx context.Context, books Books) (err error) {
	s.Movements, s.Totals = nil, Totals{}
	if s.Opening, err = books.BalanceAt(ctx, s.Project.ID, s.From); err != nil {
		return err
	}
	q := ledger.UsageQuery{Project: s.Project.ID, From: s.From, To: s.To, By: ledger.ByTask | ledger.ByDay}
	rows, err := books.Usage(ctx, q)
	if err != nil {
		return err
	}
	s.Usage = byDay(rows)
	for after := int64(0); ; {
		list, err := books.Transactions(ctx, ledger.TransactionQuery{Project: s.Project.ID, From: s.From, To: s.To, After: after,
			Kinds: []ledger.Kind{ledger.Deposit, ledger.Adjust, ledger.Refund, ledger.Cover}}, page)
		if err != nil {
			return err
		}
		s.Movements = append(s.Movements, list...)
		if len(list) < page {
			break
		}
		after = list[len(list)-1].ID
	}
	return s.sum()
}

// sum adds everything up.
func (s *Statement) sum() error {
	t := &s.Totals
	a := adder{}
	for i := range s.Usage {
		u := &s.Usage[i]
		a.add(&t.Charges, u.Charged)
		a.add(&t.List, u.Cost)
		t.Requests += u.Requests
	}
	for i := range s.Movements {
		m := &s.Movements[i]
		switch m.Kind {
		case ledger.Deposit:
			a.add(&t.Deposits, m.Amount)
		case ledger.Adjust:
			a.add(&t.Adjustments, Effect(m))
		case ledger.Refund:
			a.add(&t.Refunds, m.Amount)
		case ledger.Cover:
			a.add(&t.Cover, m.Amount)
		}
	}
	s.Closing = s.Opening
	for _, part := range []ledger.Amount{t.Deposits, t.Adjustments, t.Refunds, t.Cover, -t.Charges} {
		a.add(&s.Closing, part)
	}
	return a.err
}

// adder adds until something overflows.
type adder struct{ err error }

func (a *adder) add(to *ledger.Amount, x ledger.Amount) {
	sum, err := to.Add(x)
	if err != nil && a.err == nil {
		a.err = err
	}
	*to = sum
}

// Effect is what a movement did to the project: below 0 if it took something.
func Effect(t *ledger.Transaction) ledger.Amount {
	if t.From.Kind == ledger.Project {
		return -t.Amount
	}
	return t.Amount
}
