package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/task"
)

// books are kept by the rules, as a store keeps them.
type books struct {
	transactions []Transaction
	balances     map[Account]Amount
	receipts     []Receipt
	charges      map[string]int64 // by request
}

// book keeps a transaction if its source has the amount.
func (b *books) book(t Transaction) bool {
	if t.From.Kind != Bank && b.balances[t.From] < t.Amount {
		return false
	}
	t.ID = int64(len(b.transactions)) + 1
	b.transactions = append(b.transactions, t)
	for _, e := range t.Entries() {
		b.balances[e.Account] += e.Amount
	}
	return true
}

func (b *books) audit() Report {
	a := NewAuditor()
	for i := range b.transactions {
		t := &b.transactions[i]
		var receipt *Booked
		for _, r := range b.receipts {
			if r.Request == t.Request {
				receipt = &Booked{r.Project, r.Charged, b.charges[r.Request]}
			}
		}
		a.Transaction(t, receipt)
	}
	for i := range b.receipts {
		a.Receipt(&b.receipts[i], b.charges[b.receipts[i].Request])
	}
	for account, balance := range b.balances {
		a.Account(account, balance)
	}
	return a.Report(int64(len(b.transactions)))
}

// draw makes books by random steps.
func draw(t *rapid.T) *books {
	b := &books{balances: map[Account]Amount{}, charges: map[string]int64{}}
	at := time.Unix(1_700_000_000, 0)
	for i := range rapid.IntRange(3, 40).Draw(t, "steps") {
		project := Account{Kind: Project, Project: rapid.Int64Range(1, 3).Draw(t, "project")}
		lease := Account{Kind: Lease, Project: project.Project, Process: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "process")}
		bank, revenue := Account{Kind: Bank}, Account{Kind: Revenue}
		amount := Amount(rapid.Int64Range(1, 1000).Draw(t, "amount"))
		switch kind := Kind(rapid.IntRange(1, 6).Draw(t, "kind")); kind {
		case Deposit:
			b.book(Transaction{At: at, Kind: kind, From: bank, To: project, Amount: amount})
		case Adjust:
			b.book(Transaction{At: at, Kind: kind, From: project, To: bank, Amount: amount, Note: "why"})
		case Leased:
			b.book(Transaction{At: at, Kind: kind, From: project, To: lease, Amount: amount})
		case Returned:
			b.book(Transaction{At: at, Kind: kind, From: lease, To: project, Amount: amount})
		case Charge:
			r := Receipt{Request: fmt.Sprint("r", i), Project: project.Project, Key: 1, At: at, Work: task.Work{Units: int64(amount) * 1000}, Price: task.Price{Output: 1}, Cost: amount, Charged: amount}
			if b.book(Transaction{At: at, Kind: kind, From: lease, To: revenue, Amount: amount, Request: r.Request}) {
				b.charges[r.Request] = int64(len(b.transactions))
			} else {
				r.Charged = 0
			}
			b.receipts = append(b.receipts, r)
		case Refund:
			for _, r := range b.receipts {
				if refunded := b.refunds(r.Request); r.Charged > refunded {
					b.book(Transaction{At: at, Kind: kind, From: revenue, To: Account{Kind: Project, Project: r.Project}, Amount: r.Charged - refunded, Request: r.Request})
					break
				}
			}
		}
	}
	return b
}

func (b *books) refunds(request string) (sum Amount) {
	for _, t := range b.transactions {
		if t.Kind == Refund && t.Request == request {
			sum += t.Amount
		}
	}
	return sum
}

// Books kept by the rules pass, and conserve money.
func TestAuditPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := draw(t)
		r := b.audit()
		if !r.OK() || r.Total != 0 || r.Transactions != len(b.transactions) || r.Receipts != len(b.receipts) {
			t.Fatalf("%+v", r)
		}
		var held Amount
		for account, balance := range b.balances {
			if account.Kind == Project || account.Kind == Lease {
				held += balance
			}
		}
		if r.Deposited != held+r.Earned {
			t.Fatalf("%v came in, %v is held and %v earned", r.Deposited, held, r.Earned)
		}
	})
}

// Whatever single number is changed afterwards, the audit finds it.
func TestAuditFindsTampering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := draw(t)
		if len(b.transactions) == 0 {
			t.Skip("nothing to tamper with")
		}
		i := rapid.IntRange(0, len(b.transactions)-1).Draw(t, "which")
		by := Amount(rapid.SampledFrom([]int64{-1, 1, 1000}).Draw(t, "by"))
		what := rapid.SampledFrom([]string{"amount", "gone", "order", "balance", "receipt", "receipt gone", "price", "other charge", "twice", "new account"}).Draw(t, "what")
		switch what {
		case "amount":
			b.transactions[i].Amount += by
		case "gone":
			b.transactions = append(b.transactions[:i:i], b.transactions[i+1:]...)
		case "order":
			if len(b.transactions) < 2 {
				t.Skip("nothing to swap")
			}
			j := (i + 1) % len(b.transactions)
			b.transactions[i], b.transactions[j] = b.transactions[j], b.transactions[i]
		case "balance":
			b.balances[b.transactions[i].To] += by
		case "new account":
			b.balances[Account{Kind: Project, Project: 99}] = 5
		case "twice":
			again := b.transactions[i]
			again.ID = int64(len(b.transactions)) + 1
			b.transactions = append(b.transactions, again)
		default:
			if len(b.receipts) == 0 {
				t.Skip("no receipt to tamper with")
			}
			k := rapid.IntRange(0, len(b.receipts)-1).Draw(t, "receipt")
			r := &b.receipts[k]
			switch what {
			case "receipt":
				r.Charged += by
			case "price":
				r.Price.Output += 5
			case "receipt gone":
				if r.Charged == 0 {
					t.Skip("a receipt that charges nothing leaves no trace here")
				}
				b.receipts = append(b.receipts[:k:k], b.receipts[k+1:]...)
			case "other charge":
				b.charges[r.Request]++
			}
		}
		if r := b.audit(); r.OK() {
			t.Fatalf("tampering with %q is not found", what)
		}
	})
}

func TestTransactionCheck(t *testing.T) {
	bank, revenue := Account{Kind: Bank}, Account{Kind: Revenue}
	one, two := Account{Kind: Project, Project: 1}, Account{Kind: Project, Project: 2}
	lease := Account{Kind: Lease, Project: 1, Process: "A"}
	for name, c := range map[string]struct {
		t  Transaction
		ok bool
	}{
		"a deposit":                      {Transaction{Kind: Deposit, From: bank, To: one, Amount: 1}, true},
		"a deposit of nothing":           {Transaction{Kind: Deposit, From: bank, To: one}, false},
		"a deposit below 0":              {Transaction{Kind: Deposit, From: bank, To: one, Amount: -1}, false},
		"a deposit from a project":       {Transaction{Kind: Deposit, From: two, To: one, Amount: 1}, false},
		"an adjustment without a reason": {Transaction{Kind: Adjust, From: one, To: bank, Amount: 1}, false},
		"a lease":                        {Transaction{Kind: Leased, From: one, To: lease, Amount: 1}, true},
		"another project's lease":        {Transaction{Kind: Leased, From: two, To: lease, Amount: 1}, false},
		"a charge":                       {Transaction{Kind: Charge, From: lease, To: revenue, Amount: 1, Request: "r"}, true},
		"a charge without a request":     {Transaction{Kind: Charge, From: lease, To: revenue, Amount: 1}, false},
		"a charge of a project":          {Transaction{Kind: Charge, From: one, To: revenue, Amount: 1, Request: "r"}, false},
		"an unknown kind":                {Transaction{Kind: 99, From: bank, To: one, Amount: 1}, false},
	} {
		if err := c.t.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReceiptCheck(t *testing.T) {
	good := Receipt{Request: "r", Project: 1, Key: 1, At: time.Unix(1, 0), Work: task.Work{Prompt: 10, Units: 10}, Price: task.Price{Prompt: 100, Output: 50}, Cost: 2, Charged: 2, Tries: 1}
	for name, change := range map[string]func(*Receipt){
		"no request":      func(r *Receipt) { r.Request = "" },
		"no project":      func(r *Receipt) { r.Project = 0 },
		"no key":          func(r *Receipt) { r.Key = 0 },
		"no time":         func(r *Receipt) { r.At = time.Time{} },
		"rounded down":    func(r *Receipt) { r.Cost, r.Charged = 1, 1 },
		"half charged":    func(r *Receipt) { r.Charged = 1 },
		"too much":        func(r *Receipt) { r.Charged = 3 },
		"negative work":   func(r *Receipt) { r.Work.Units = -1 },
		"overflow":        func(r *Receipt) { r.Work.Units, r.Price.Output = 1<<62, 1<<62 },
		"an absurd price": func(r *Receipt) { r.Price.Output, r.Cost = 1<<57, 1<<57/100+1; r.Charged = 0 },
		"unknown class":   func(r *Receipt) { r.Class = 7 },
		"too dear": func(r *Receipt) {
			r.Work, r.Price = task.Work{Units: 1000}, task.Price{Output: int64(MaxCost) + 1}
			r.Cost, r.Charged = MaxCost+1, MaxCost+1
		},
		"too much work":    func(r *Receipt) { r.Work.Units, r.Price, r.Cost, r.Charged = MaxWork+1, task.Price{}, 0, 0 },
		"too long asked":   func(r *Receipt) { r.Work.Prompt, r.Price, r.Cost, r.Charged = MaxWork+1, task.Price{}, 0, 0 },
		"in times to come": func(r *Receipt) { r.At = time.Date(2201, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a long name":      func(r *Receipt) { r.Task = strings.Repeat("x", MaxText) },
	} {
		r := good
		change(&r)
		if r.Check() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	free := good
	free.Charged = 0
	for _, r := range []Receipt{good, free} {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		available := Amount(rapid.Int64Range(0, 1000).Draw(t, "available"))
		least := Amount(rapid.Int64Range(1, 1000).Draw(t, "least"))
		a := Ask{Least: least, Most: least + Amount(rapid.Int64Range(0, 1000).Draw(t, "more")), Urgent: rapid.Bool().Draw(t, "urgent")}
		wanted := rapid.Bool().Draw(t, "wanted")
		got := Share(available, a, wanted)
		switch {
		case got == 0 && a.Urgent && available >= least:
			t.Fatal("what is there is refused to somebody who waits")
		case got != 0 && (got < least || got > a.Most || got > available || got-least > (available-least)/2):
			t.Fatalf("%v of %v for %+v", got, available, a)
		case wanted && got > least:
			t.Fatal("more than is needed while others want it")
		case wanted && !a.Urgent && got > 0:
			t.Fatal("what others wait for is given to somebody who does not")
		}
	})
}
