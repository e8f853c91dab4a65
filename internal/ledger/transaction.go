package ledger

import (
	"fmt"
	"time"
)

// Kind is why money moves.
type Kind uint8

const (
	Deposit  Kind = iota + 1 // bank to project: a customer has paid
	Adjust                   // bank to project or back: the operator's correction, with its reason as the note
	Leased                   // project to lease
	Returned                 // lease to project
	Charge                   // lease to revenue: one for each receipt that charges something
	Refund                   // revenue to project, of a receipt's charge
	// Cover is bank to lease: the operator makes up for a charge that its lease
	// could not pay. Purses never cause one; it is here because a receipt that
	// was acknowledged must be booked, and no balance may go below 0.
	Cover
)

var kindNames = [...]string{"", "deposit", "adjust", "lease", "return", "charge", "refund", "cover"}

func (k Kind) String() string {
	if k > 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Transaction moves an amount from one account to another.
type Transaction struct {
	ID        int64 // given by the store, from 1 on without a gap
	At        time.Time
	Kind      Kind
	From, To  Account
	Amount    Amount // > 0
	Request   string // of Charge and Refund: the receipt's request
	Note      string // why, for people; at most MaxText bytes, and required of Adjust
	Reference string // the payment's name where it came from; a second Deposit with one is not booked; at most MaxText bytes
}

// MaxText is the most bytes of a note, a reference, or a name.
const MaxText = 1024

// Entry is a transaction's effect on one account.
type Entry struct {
	Account Account
	Amount  Amount
}

// Entries are both effects of a transaction. They sum to 0.
func (t *Transaction) Entries() [2]Entry {
	return [2]Entry{{t.From, -t.Amount}, {t.To, t.Amount}}
}

// Project is whose money moves, 0 if nobody's.
func (t *Transaction) Project() int64 { return max(t.From.Project, t.To.Project) }

// Check says what is wrong with a transaction.
func (t *Transaction) Check() error {
	from, to := t.From.Kind, t.To.Kind
	var fits bool
	switch t.Kind {
	case Deposit:
		fits = from == Bank && to == Project
	case Adjust:
		fits = from == Bank && to == Project || from == Project && to == Bank
	case Leased:
		fits = from == Project && to == Lease && t.From.Project == t.To.Project
	case Returned:
		fits = from == Lease && to == Project && t.From.Project == t.To.Project
	case Charge:
		fits = from == Lease && to == Revenue
	case Refund:
		fits = from == Revenue && to == Project
	case Cover:
		fits = from == Bank && to == Lease
	}
	switch {
	case !fits:
		return fmt.Errorf("a %v does not go from %v to %v", t.Kind, t.From, t.To)
	case t.Amount <= 0:
		return fmt.Errorf("a %v of %d micro-credits: want more than 0", t.Kind, int64(t.Amount))
	case (t.Kind == Charge || t.Kind == Refund) != (t.Request != ""):
		return fmt.Errorf("a %v with request %.60q: charges and refunds have one, others none", t.Kind, t.Request)
	case t.Kind == Adjust && t.Note == "":
		return fmt.Errorf("an adjustment needs a note: say why")
	case len(t.Note) > MaxText || len(t.Reference) > MaxText:
		return fmt.Errorf("a %v's note or reference is longer than %d bytes", t.Kind, MaxText)
	case t.Reference != "" && t.Kind != Deposit:
		return fmt.Errorf("a %v has no reference", t.Kind)
	}
	return nil
}
