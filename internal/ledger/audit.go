package ledger

import (
	"fmt"
	"math"
)

// Report is what an audit found.
type Report struct {
	Transactions int
	Accounts     int
	Receipts     int
	Total        Amount // of all balances; 0 in good order
	Deposited    Amount // what came from the bank, less what went back
	Earned       Amount // the revenue's balance
	Covered      Amount // what the operator made up for; see Cover
	Problems     []Problem
}

// OK says that the books are in order.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Problem is one thing that is wrong with the books.
type Problem struct {
	Code string // short and stable, as below
	Text string // for people
}

// Codes of problems.
const (
	BadTransaction  = "bad_transaction"  // it breaks a rule of its kind
	MissingID       = "missing_id"       // transactions are missing, or out of order
	NegativeBalance = "negative_balance" // an account went below 0 at some time
	WrongBalance    = "wrong_balance"    // a balance is not what the transactions make of it
	TotalNotZero    = "total_not_zero"   // the balances do not sum to 0
	NoReceipt       = "no_receipt"       // a charge or refund without its receipt
	NoCharge        = "no_charge"        // a receipt charges something, and no transaction does
	WrongCharge     = "wrong_charge"     // a receipt and its charge do not agree
	OverRefund      = "over_refund"      // refunds exceed the charge
	WrongReceipt    = "wrong_receipt"    // a receipt breaks a rule, or its arithmetic
	WrongUsage      = "wrong_usage"      // the sums kept of receipts are not their sums
	WrongSpending   = "wrong_spending"   // what is kept of an allowance is not the sum of its receipts
	NotAppendOnly   = "not_append_only"  // the database's own guards are gone
	StrayLease      = "stray_lease"      // a lease of a process that nobody knows
)

// mostProblems bounds a Report: a wrecked database has one in every row.
const mostProblems = 1000

// Auditor proves books right, or says what is wrong with them. Feed it all
// transactions in the order of their IDs, all receipts, then all balances.
type Auditor struct {
	report   Report
	balances map[Account]Amount
	next     int64             // the ID that must come now
	charges  int               // booked
	owed     int               // receipts that charge something
	refunded map[string]Amount // by request
}

// NewAuditor begins an audit.
func NewAuditor() *Auditor {
	return &Auditor{balances: map[Account]Amount{}, next: 1, refunded: map[string]Amount{}}
}

// Booked is the receipt that a charge or refund names, as the books have it.
type Booked struct {
	Project     int64
	Charged     Amount
	Transaction int64 // its charge; 0 if it charges nothing
}

// Find notes a problem that the caller found.
func (a *Auditor) Find(code, format string, args ...any) {
	if len(a.report.Problems) < mostProblems {
		a.report.Problems = append(a.report.Problems, Problem{code, fmt.Sprintf(format, args...)})
	}
}

// Transaction takes the next transaction, and the receipt that it names; nil
// if there is none.
func (a *Auditor) Transaction(t *Transaction, receipt *Booked) {
	a.report.Transactions++
	if t.ID != a.next {
		a.Find(MissingID, "transaction %d comes where %d should", t.ID, a.next)
	}
	a.next = t.ID + 1
	if err := t.Check(); err != nil {
		a.Find(BadTransaction, "transaction %d: %v", t.ID, err)
	}
	for _, e := range t.Entries() {
		balance, err := a.balances[e.Account].Add(e.Amount)
		if err != nil {
			a.Find(BadTransaction, "transaction %d: the balance of %v: %v", t.ID, e.Account, err)
			continue
		}
		a.balances[e.Account] = balance
		if balance < 0 && e.Amount < 0 && e.Account.Kind != Bank {
			a.Find(NegativeBalance, "transaction %d leaves %v with %v", t.ID, e.Account, balance)
		}
	}
	switch t.Kind {
	case Charge:
		a.charges++
		a.charge(t, receipt)
	case Refund:
		a.refund(t, receipt)
	case Cover:
		a.report.Covered = sum(a.report.Covered, t.Amount)
	}
}

func (a *Auditor) charge(t *Transaction, r *Booked) {
	switch {
	case r == nil:
		a.Find(NoReceipt, "transaction %d charges %v for %s, which has no receipt", t.ID, t.Amount, t.Request)
	case r.Transaction != t.ID:
		a.Find(WrongCharge, "transaction %d charges for %s, whose receipt names transaction %d", t.ID, t.Request, r.Transaction)
	case r.Charged != t.Amount:
		a.Find(WrongCharge, "transaction %d charges %v for %s, whose receipt says %v", t.ID, t.Amount, t.Request, r.Charged)
	case r.Project != t.From.Project:
		a.Find(WrongCharge, "transaction %d charges project %d for %s, whose receipt is project %d's", t.ID, t.From.Project, t.Request, r.Project)
	}
}

func (a *Auditor) refund(t *Transaction, r *Booked) {
	if r == nil {
		a.Find(NoReceipt, "transaction %d refunds %v for %s, which has no receipt", t.ID, t.Amount, t.Request)
		return
	}
	a.refunded[t.Request] = sum(a.refunded[t.Request], t.Amount)
	if a.refunded[t.Request] > r.Charged {
		a.Find(OverRefund, "transaction %d brings the refunds of %s to %v, of %v charged", t.ID, t.Request, a.refunded[t.Request], r.Charged)
	}
	if r.Project != t.To.Project {
		a.Find(WrongCharge, "transaction %d refunds project %d for %s, whose receipt is project %d's", t.ID, t.To.Project, t.Request, r.Project)
	}
}

// Receipt takes a receipt and the ID of its charge.
func (a *Auditor) Receipt(r *Receipt, transaction int64) {
	a.report.Receipts++
	if err := r.Check(); err != nil {
		a.Find(WrongReceipt, "%v", err)
	}
	switch {
	case r.Charged > 0:
		a.owed++
		if transaction == 0 {
			a.Find(NoCharge, "the receipt %s says that %v were charged, and names no transaction", r.Request, r.Charged)
		}
	case transaction != 0:
		a.Find(WrongCharge, "the receipt %s charges nothing, and names transaction %d", r.Request, transaction)
	}
}

// Account takes the balance that is kept of an account.
func (a *Auditor) Account(account Account, balance Amount) {
	a.report.Accounts++
	if want := a.balances[account]; balance != want {
		a.Find(WrongBalance, "%v has %v, its transactions make %v", account, balance, want)
	}
	delete(a.balances, account)
	if balance < 0 && account.Kind != Bank {
		a.Find(NegativeBalance, "%v has %v", account, balance)
	}
	total, err := a.report.Total.Add(balance)
	if err != nil {
		a.Find(TotalNotZero, "the balances do not sum up: %v", err)
		total = math.MaxInt64
	}
	a.report.Total = total
	switch account.Kind {
	case Bank:
		a.report.Deposited = -balance
	case Revenue:
		a.report.Earned = balance
	}
}

// Report ends the audit. last is the greatest ID that a transaction was given.
func (a *Auditor) Report(last int64) Report {
	if a.next != last+1 {
		a.Find(MissingID, "the last transaction is %d, but %d was given out", a.next-1, last)
	}
	for account, balance := range a.balances {
		if balance != 0 {
			a.Find(WrongBalance, "%v is not kept, its transactions make %v", account, balance)
		}
	}
	if a.report.Total != 0 {
		a.Find(TotalNotZero, "the balances sum to %v", a.report.Total)
	}
	if a.charges != a.owed {
		// Each charge's receipt names that charge, so none is charged twice; the
		// numbers agree only if each receipt has one.
		a.Find(NoCharge, "%d receipts charge something, %d transactions do", a.owed, a.charges)
	}
	return a.report
}
