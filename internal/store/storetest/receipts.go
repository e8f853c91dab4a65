package storetest

import (
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/store"
	"vision/internal/task"
)

func testReceipts(t *testing.T, db Database) {
	s := open(t, db)
	p, other := s.project("p", 10_000), s.project("q", 10_000)
	k, k2 := s.key(p, "k", 0), s.key(p, "k2", 0)
	s.leased(pot(p), 1000)
	var want []ledger.Receipt
	for n := range 6 {
		e := paid(n, p, k.ID, ledger.Amount(n*10))
		if n == 5 {
			e.Receipt.Key = k2.ID
		}
		s.record(e)
		want = append(want, *e.Receipt)
	}
	free := paid(50, apikey.DefaultProject, k.ID, 99)
	free.Receipt.Charged = 0
	s.record(free)
	s.balance("after receipts", p, 9000, 1000-150)
	s.balance("of the other", other, 10_000, 0)
	same(t, "a receipt", must(s.Receipt(ctx, want[3].Request))(t), want[3])
	_, err := s.Receipt(ctx, "req-none")
	wantIs(t, "no receipt", err, store.ErrNotFound)
	list := func(q ledger.ReceiptQuery, limit int) []ledger.Receipt {
		t.Helper()
		return must(s.Receipts(ctx, q, limit))(t)
	}
	same(t, "receipts", list(ledger.ReceiptQuery{Project: p}, 99), want)
	same(t, "two", list(ledger.ReceiptQuery{Project: p}, 2), want[:2])
	same(t, "after those", list(ledger.ReceiptQuery{Project: p, After: &want[1]}, 99), want[2:])
	same(t, "within", list(ledger.ReceiptQuery{Project: p, From: want[2].At, To: want[4].At}, 99), want[2:4])
	same(t, "of a key", list(ledger.ReceiptQuery{Project: p, Key: k2.ID}, 99), want[5:])
	same(t, "of the free", list(ledger.ReceiptQuery{Project: apikey.DefaultProject}, 99), []ledger.Receipt{*free.Receipt})

	charges := must(s.Transactions(ctx, ledger.TransactionQuery{Project: p, Kinds: []ledger.Kind{ledger.Charge}}, 99))(t)
	if len(charges) != 5 || charges[0].Request != want[1].Request || charges[0].Amount != 10 || charges[0].To.Kind != ledger.Revenue || !charges[0].At.Equal(want[1].At) {
		t.Errorf("charges %+v", charges)
	}
	all := must(s.Transactions(ctx, ledger.TransactionQuery{}, 99))(t)
	if len(all) != 8 { // 2 deposits, a lease, 5 charges
		t.Errorf("%d transactions, want 8", len(all))
	}
	same(t, "transactions after the third", must(s.Transactions(ctx, ledger.TransactionQuery{After: all[2].ID}, 2))(t), all[3:5])
	deposits := must(s.Transactions(ctx, ledger.TransactionQuery{Project: other, Kinds: []ledger.Kind{ledger.Deposit, ledger.Adjust}}, 99))(t)
	if len(deposits) != 1 || deposits[0].To.Project != other {
		t.Errorf("deposits %+v", deposits)
	}

	// A request is charged once.
	again := paid(3, p, k.ID, 70)
	s.record(again)
	same(t, "the first receipt stays", must(s.Receipt(ctx, want[3].Request))(t), want[3])
	s.balance("after a receipt again", p, 9000, 850)

	must(s.Refund(ctx, want[5].Request, 20, "slow", t0.Add(time.Hour)))(t)
	s.balance("after a refund", p, 9020, 850)
	_, err = s.Refund(ctx, want[5].Request, 31, "", t0)
	wantIs(t, "a refund of more than the rest", err, store.ErrInsufficient)
	must(s.Refund(ctx, want[5].Request, 30, "", t0.Add(time.Hour)))(t)
	_, err = s.Refund(ctx, "req-none", 1, "", t0)
	wantIs(t, "a refund of nothing", err, store.ErrNotFound)
	s.balance("after refunds", p, 9050, 850)
	if got := must(s.BalanceAt(ctx, p, t0.Add(3*time.Minute)))(t); got != 10_000-10-20 {
		t.Errorf("the balance after two charges is %v", got)
	}
	if got := must(s.BalanceAt(ctx, p, t0.Add(48*time.Hour)))(t); got != 9050+850 {
		t.Errorf("the balance at the end is %v", got)
	}
	if r := s.verified("in the end"); r.Receipts != 7 || r.Earned != 100 || r.Deposited != 20_000 || r.Covered != 0 {
		t.Errorf("the audit says %+v", r)
	}
	// Nothing of this goes with old outcomes.
	if err := s.Prune(ctx, t0.AddDate(10, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if r := s.verified("pruned"); r.Receipts != 7 {
		t.Errorf("%d receipts are left", r.Receipts)
	}
	same(t, "receipts after pruning", list(ledger.ReceiptQuery{Project: p}, 99), want)
}

func testRecordRefusesReceipts(t *testing.T, db Database) {
	s := open(t, db)
	for name, change := range map[string]func(*outcome.Entry){
		"another request": func(e *outcome.Entry) { e.Receipt.Request = "req-other" },
		"wrong cost":      func(e *outcome.Entry) { e.Receipt.Cost++ },
		"no key":          func(e *outcome.Entry) { e.Receipt.Key = 0 },
		"an answer of another": func(e *outcome.Entry) {
			e.Answer = &outcome.Answer{Key: 1, Name: "x", Request: "req-other"}
		},
		"a nameless answer": func(e *outcome.Entry) { e.Answer = &outcome.Answer{Key: 1, Request: e.Outcome.Request} },
	} {
		e := paid(1, 1, 1, 5)
		change(&e)
		if s.Record(ctx, e) == nil {
			t.Errorf("a receipt with %s was accepted", name)
		}
	}
	if got := s.outcomes(0, 9); len(got) > 0 {
		t.Errorf("%d outcomes of refused entries are kept", len(got))
	}
}

// A receipt that no lease covers is booked all the same, and nothing goes
// below 0: the operator makes up for it.
func testUncovered(t *testing.T, db Database) {
	s := open(t, db)
	p := s.project("p", 100)
	k := s.key(p, "k", 0)
	s.leased(pot(p), 30)
	s.record(paid(1, p, k.ID, 50), paid(2, p, k.ID, 7))
	s.balance("uncovered", p, 70, 0)
	if r := s.verified("uncovered"); r.Covered != 27 || r.Earned != 57 {
		t.Errorf("the audit says %+v", r)
	}
}

func testUsage(t *testing.T, db Database) {
	s := open(t, db)
	p, q := s.project("p", 1e6), s.project("q", 1e6)
	kp, kq := s.key(p, "kp", 0), s.key(q, "kq", 0)
	s.leased(pot(p), 1000)
	s.leased(pot(q), 1000)
	at := func(n, days int, project, key int64, cost ledger.Amount) {
		e := paid(n, project, key, cost)
		e.Receipt.At = t0.AddDate(0, 0, days)
		e.Receipt.Task = [...]string{"a", "b"}[n%2]
		e.Receipt.Class = ledger.Class(n % 2)
		if e.Receipt.Task == "b" {
			e.Receipt.Unit = task.Step
		}
		s.record(e)
	}
	at(1, 0, p, kp.ID, 10)
	at(2, 0, p, kp.ID, 20)
	at(3, 1, p, kp.ID, 30)
	at(4, 2, q, kq.ID, 40)
	at(6, 2, q, kq.ID, 50)
	day := t0.Truncate(24 * time.Hour)
	usage := func(q ledger.UsageQuery) []ledger.Usage { t.Helper(); return must(s.Usage(ctx, q))(t) }
	same(t, "by project, task and day", usage(ledger.UsageQuery{By: ledger.ByProject | ledger.ByTask | ledger.ByDay}), []ledger.Usage{
		{Project: p, Task: "a", Day: day, Unit: task.Token, Requests: 1, Work: task.Work{Prompt: 7, Units: 20_000}, Cost: 20, Charged: 20},
		{Project: p, Task: "b", Day: day, Unit: task.Step, Requests: 1, Partial: 1, Work: task.Work{Prompt: 7, Units: 10_000}, Cost: 10, Charged: 10},
		{Project: p, Task: "b", Day: day.AddDate(0, 0, 1), Unit: task.Step, Requests: 1, Partial: 1, Work: task.Work{Prompt: 7, Units: 30_000}, Cost: 30, Charged: 30},
		{Project: q, Task: "a", Day: day.AddDate(0, 0, 2), Unit: task.Token, Requests: 2, Work: task.Work{Prompt: 14, Units: 90_000}, Cost: 90, Charged: 90},
	})
	same(t, "of a project within days", usage(ledger.UsageQuery{Project: p, From: day.AddDate(0, 0, 1), To: day.AddDate(0, 0, 9)}), []ledger.Usage{
		{Unit: task.Step, Requests: 1, Partial: 1, Work: task.Work{Prompt: 7, Units: 30_000}, Cost: 30, Charged: 30},
	})
	same(t, "of a key in a task", usage(ledger.UsageQuery{Key: kp.ID, Task: "b", By: ledger.ByKey}), []ledger.Usage{
		{Key: kp.ID, Unit: task.Step, Requests: 2, Partial: 2, Work: task.Work{Prompt: 14, Units: 40_000}, Cost: 40, Charged: 40},
	})
	same(t, "of nobody", usage(ledger.UsageQuery{Key: 99}), []ledger.Usage{})
	s.verified("after usage")
}
