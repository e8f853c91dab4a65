package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/store"
	"vision/internal/task"
)

// paid is the n-th attempt with a receipt of so many micro-credits.
func paid(n int, project, key int64, cost ledger.Amount) outcome.Entry {
	e := outcome.Entry{Outcome: attempt(n)}
	e.Outcome.Key = key
	e.Receipt = &ledger.Receipt{
		Request: e.Outcome.Request, Project: project, Key: key, Task: e.Outcome.Task, At: t0.Add(time.Duration(n) * time.Minute),
		Unit: task.Token, Work: task.Work{Prompt: 7, Units: int64(cost) * 1000}, Price: task.Price{Output: 1}, Cost: cost, Charged: cost,
		Miner: miner(n), Tries: 1 + n%2, Class: ledger.Class(n % 2),
	}
	return e
}

func (f fixture) project(name string, deposit ledger.Amount) int64 {
	f.t.Helper()
	p := must(f.CreateProject(ctx, apikey.Project{Name: name, Kind: apikey.Prepaid, Created: t0}))(f.t)
	if deposit > 0 {
		must(f.Deposit(ctx, p.ID, deposit, "", "", t0))(f.t)
	}
	return p.ID
}

// key makes a key; limit 0 is none.
func (f fixture) key(project int64, name string, limit ledger.Amount) apikey.Key {
	f.t.Helper()
	return must(f.CreateKey(ctx, apikey.Key{Project: project, Name: name, Hash: apikey.HashOf(name), SpendLimit: limit, Created: t0}))(f.t)
}

// leased takes an exact amount on lease.
func (f fixture) leased(pot ledger.Pot, amount ledger.Amount) {
	f.t.Helper()
	got := must(f.Lease(ctx, []ledger.Ask{{Pot: pot, Least: amount, Most: amount, Urgent: true}}))(f.t)
	if got[0].Amount != amount {
		f.t.Fatalf("a lease of %v gives %+v", amount, got[0])
	}
}

func pot(project int64) ledger.Pot { return ledger.Pot{Kind: ledger.ProjectPot, ID: project} }

// balance checks a project's balances, and that the books are in order.
func (f fixture) balance(what string, project int64, free, leased ledger.Amount) {
	f.t.Helper()
	for _, b := range must(f.Balances(ctx))(f.t) {
		if b.Project == project && (b.Free != free || b.Leased != leased) {
			f.t.Errorf("%s: %v free and %v on lease, want %v and %v", what, b.Free, b.Leased, free, leased)
		}
	}
	f.verified(what)
}

func (f fixture) verified(what string) ledger.Report {
	f.t.Helper()
	r := must(f.Verify(ctx))(f.t)
	if !r.OK() || r.Total != 0 {
		f.t.Errorf("%s: the books are wrong: %+v", what, r)
	}
	return r
}

func testProjects(t *testing.T, db Database) {
	s := open(t, db)
	first := must(s.Projects(ctx))(t)
	if len(first) != 1 || first[0].ID != apikey.DefaultProject || first[0].Name != "default" || first[0].Kind != apikey.Free {
		t.Fatalf("a new database has the projects %+v", first)
	}
	p := apikey.Project{Name: "Shop-1", Kind: apikey.Prepaid, Created: t0}
	got := must(s.CreateProject(ctx, p))(t)
	p.ID = got.ID
	same(t, "the created project", got, p)
	_, err := s.CreateProject(ctx, p)
	wantIs(t, "a name again", err, store.ErrExists)
	for _, bad := range []string{"", " x", "a/b", strings.Repeat("x", 65)} {
		if _, err := s.CreateProject(ctx, apikey.Project{Name: bad}); err == nil {
			t.Errorf("a project named %q was created", bad)
		}
	}
	key := s.key(p.ID, "k", 0)
	if err := s.ArchiveProject(ctx, p.ID, t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	p.Archived = t0.Add(time.Hour)
	same(t, "projects", must(s.Projects(ctx))(t)[1:], []apikey.Project{p})
	wantIs(t, "archive twice", s.ArchiveProject(ctx, p.ID, t0), store.ErrNotFound)
	wantIs(t, "archive nothing", s.ArchiveProject(ctx, 99, t0), store.ErrNotFound)
	if err := s.ArchiveProject(ctx, apikey.DefaultProject, t0); err == nil {
		t.Error("the default project was archived")
	}
	if _, err := s.CreateKey(ctx, apikey.Key{Project: p.ID, Hash: apikey.HashOf("x")}); err == nil {
		t.Error("an archived project got a key")
	}
	_, err = s.CreateKey(ctx, apikey.Key{Project: 99, Hash: apikey.HashOf("x")})
	wantIs(t, "a key of no project", err, store.ErrNotFound)
	must(s.Deposit(ctx, p.ID, 100, "", "", t0))(t)
	if g := must(s.Lease(ctx, []ledger.Ask{{Pot: pot(p.ID), Least: 1, Most: 1}}))(t); g[0].Amount != 0 {
		t.Errorf("an archived project lends %+v", g[0])
	}
	same(t, "keys", must(s.Keys(ctx))(t), []apikey.Key{key})
}

func testKeyFields(t *testing.T, db Database) {
	s := open(t, db)
	project := s.project("p", 0)
	k := apikey.Key{Project: project, Name: "full", Hash: apikey.HashOf("full"), Hint: "full", Tasks: apikey.ScopeOf("b", "a"), PerMinute: 5,
		TokensPerMinute: 1 << 40, Concurrent: 7, SpendLimit: 12 * ledger.Credit, Created: t0, Expires: t0.Add(time.Hour)}
	got := must(s.CreateKey(ctx, k))(t)
	k.ID, k.Root = got.ID, got.ID
	same(t, "the key", must(s.Keys(ctx))(t), []apikey.Key{k})
	for name, bad := range map[string]apikey.Key{
		"below 0":   {Name: "x", SpendLimit: -1},
		"a root":    {Name: "x", RotatedFrom: k.ID},
		"long name": {Name: strings.Repeat("x", ledger.MaxText+1)},
	} {
		bad.Hash = apikey.HashOf(name)
		if _, err := s.CreateKey(ctx, bad); err == nil {
			t.Errorf("a key with %s was created", name)
		}
	}
	next, text, err := k.Next(strings.NewReader(strings.Repeat("r", 32)), t0.Add(time.Minute))
	if err != nil || apikey.HashOf(text) != next.Hash {
		t.Fatal(text, err)
	}
	until := t0.Add(30 * time.Minute)
	rotated := must(s.RotateKey(ctx, next, until))(t)
	k.Revoked = until
	next.ID, next.Root = rotated.ID, k.ID
	if next.RotatedFrom != k.ID || next.SpendLimit != k.SpendLimit || next.Tasks != k.Tasks {
		t.Errorf("the next key is %+v", next)
	}
	same(t, "keys after the rotation", must(s.Keys(ctx))(t), []apikey.Key{k, next})
	if !k.Valid(until.Add(-1)) || k.Valid(until) {
		t.Error("the grace is wrong")
	}
	other := next
	other.Hash, other.RotatedFrom = apikey.HashOf("other"), 99
	_, err = s.RotateKey(ctx, other, until)
	wantIs(t, "rotate no key", err, store.ErrNotFound)
	other.RotatedFrom, other.Created = k.ID, until
	_, err = s.RotateKey(ctx, other, until.Add(time.Hour))
	wantIs(t, "rotate a key after its end", err, store.ErrNotFound)
	if err := s.RevokeKey(ctx, k.ID, t0.Add(2*time.Minute)); err != nil {
		t.Errorf("revoke a key in its grace: %v", err)
	}
	k.Revoked = t0.Add(2 * time.Minute)
	same(t, "keys", must(s.Keys(ctx))(t), []apikey.Key{k, next})
}

func testDeposits(t *testing.T, db Database) {
	s := open(t, db)
	p := s.project("p", 0)
	first := must(s.Deposit(ctx, p, 500, "invoice 1", "thanks", t0))(t)
	want := ledger.Transaction{ID: 1, At: t0, Kind: ledger.Deposit, From: ledger.Account{Kind: ledger.Bank}, To: ledger.Account{Kind: ledger.Project, Project: p}, Amount: 500, Reference: "invoice 1", Note: "thanks"}
	same(t, "the deposit", first, want)
	same(t, "the same payment again", must(s.Deposit(ctx, p, 500, "invoice 1", "", t0.Add(time.Hour)))(t), want)
	_, err := s.Deposit(ctx, p, 501, "invoice 1", "", t0)
	wantIs(t, "another payment of that name", err, store.ErrExists)
	s.balance("after a deposit", p, 500, 0)
	adjusted := must(s.Adjust(ctx, p, -200, "a mistake", t0.Add(time.Minute)))(t)
	if adjusted.ID != 2 || adjusted.Amount != 200 || adjusted.To.Kind != ledger.Bank {
		t.Errorf("the adjustment is %+v", adjusted)
	}
	must(s.Adjust(ctx, p, 50, "a gift", t0.Add(2*time.Minute)))(t)
	s.balance("after adjustments", p, 350, 0)
	_, err = s.Adjust(ctx, p, -351, "too much", t0)
	wantIs(t, "an adjustment below 0", err, store.ErrInsufficient)
	_, err = s.Deposit(ctx, 99, 1, "", "", t0)
	wantIs(t, "a deposit into nothing", err, store.ErrNotFound)
	_, err = s.Adjust(ctx, 99, 1, "x", t0)
	wantIs(t, "an adjustment of nothing", err, store.ErrNotFound)
	for name, f := range map[string]func() error{
		"a deposit of 0":                 func() error { _, err := s.Deposit(ctx, p, 0, "", "", t0); return err },
		"a deposit below 0":              func() error { _, err := s.Deposit(ctx, p, -1, "", "", t0); return err },
		"an adjustment by 0":             func() error { _, err := s.Adjust(ctx, p, 0, "x", t0); return err },
		"an adjustment without a reason": func() error { _, err := s.Adjust(ctx, p, 1, "", t0); return err },
		"more than there can be":         func() error { _, err := s.Deposit(ctx, p, 1<<63-1, "", "", t0); return err },
	} {
		if f() == nil {
			t.Errorf("%s was booked", name)
		}
	}
	s.balance("after refusals", p, 350, 0)
	for at, want := range map[time.Duration]ledger.Amount{0: 0, 1: 500, time.Minute + 1: 300, time.Hour: 350} {
		if got := must(s.BalanceAt(ctx, p, t0.Add(at)))(t); got != want {
			t.Errorf("the balance after %v is %v, want %v", at, got, want)
		}
	}
}

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

// Two processes lend from one balance; what one misses the other is told of.
func testLeases(t *testing.T, db Database) {
	a, b := open(t, db), open(t, db)
	p := a.project("p", 1000)
	ask := func(s fixture, least, most ledger.Amount, urgent bool) ledger.Grant {
		t.Helper()
		return must(s.Lease(ctx, []ledger.Ask{{Pot: pot(p), Least: least, Most: most, Urgent: urgent}}))(t)[0]
	}
	same(t, "a lease of at most half", ask(a, 1, 1000, false), ledger.Grant{Amount: 500, Left: 500})
	same(t, "what is needed", ask(b, 400, 400, true), ledger.Grant{Amount: 400, Left: 100, Elsewhere: 500})
	same(t, "what is not there", ask(b, 101, 500, true), ledger.Grant{Left: 100, Elsewhere: 500})
	same(t, "what is wanted", must(a.Wanted(ctx))(t), []ledger.Pot{pot(p)})
	same(t, "one's own wants", must(b.Wanted(ctx))(t), []ledger.Pot{})
	same(t, "what others want is not lent in advance", ask(a, 1, 100, false), ledger.Grant{Left: 100, Elsewhere: 400})
	if err := a.GiveBack(ctx, []ledger.Part{{Pot: pot(p), Amount: 200}}); err != nil {
		t.Fatal(err)
	}
	same(t, "what was given back", ask(b, 101, 500, true).Amount, ledger.Amount(101+199/2))
	same(t, "wants that were met", must(a.Wanted(ctx))(t), []ledger.Pot{})
	wantIs(t, "giving back more than there is", a.GiveBack(ctx, []ledger.Part{{Pot: pot(p), Amount: 1}, {Pot: pot(p), Amount: 300}}), store.ErrInsufficient)
	a.balance("after leases", p, 100, 900)
	_, err := a.Adjust(ctx, p, -500, "out of reach", t0)
	wantIs(t, "an adjustment of what is on lease", err, store.ErrInsufficient)
	same(t, "asks for it", must(b.Wanted(ctx))(t), []ledger.Pot{pot(p)})
	same(t, "a lease of nothing", ask(a, 0, 0, true).Amount, ledger.Amount(0))
}

// The end of a store returns what it has on lease, after its receipts.
func testLeasesEnd(t *testing.T, db Database) {
	a := open(t, db)
	p := a.project("p", 1000)
	k := a.key(p, "k", 100)
	b := fixture{db.Open(t), t}
	b.leased(pot(p), 600)
	b.leased(ledger.Pot{Kind: ledger.AllowancePot, ID: k.ID}, 60)
	b.record(paid(1, p, k.ID, 50)) // and closed at once
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	a.balance("after the end", p, 950, 0)
	same(t, "spending", must(a.Spending(ctx))(t), map[int64]ledger.Spending{k.ID: {Spent: 50}})
}

// A spend limit holds over processes and rotations.
func testAllowances(t *testing.T, db Database) {
	a, b := open(t, db), open(t, db)
	p := a.project("p", 10_000)
	k := a.key(p, "k", 100)
	pt := ledger.Pot{Kind: ledger.AllowancePot, ID: k.Root}
	a.leased(pot(p), 1000)
	a.leased(pt, 60)
	a.record(paid(1, p, k.ID, 25))
	same(t, "spending", must(a.Spending(ctx))(t), map[int64]ledger.Spending{k.ID: {Spent: 25, Leased: 35}})
	ask := ledger.Ask{Pot: pt, Least: 41, Most: 41, Urgent: true}
	same(t, "beyond the limit", must(b.Lease(ctx, []ledger.Ask{ask}))(t)[0], ledger.Grant{Left: 40, Elsewhere: 35})
	same(t, "wants", must(a.Wanted(ctx))(t), []ledger.Pot{pt})
	if err := a.GiveBack(ctx, []ledger.Part{{Pot: pt, Amount: 35}}); err != nil {
		t.Fatal(err)
	}
	next, _, err := k.Next(strings.NewReader(strings.Repeat("r", 32)), t0)
	if err != nil {
		t.Fatal(err)
	}
	next = must(a.RotateKey(ctx, next, t0.Add(time.Hour)))(t)
	if next.Root != k.ID {
		t.Fatalf("the next key's root is %d", next.Root)
	}
	b.leased(pt, 75)
	b.leased(pot(p), 75)
	b.record(paid(2, p, next.ID, 75))
	same(t, "spending of both", must(b.Spending(ctx))(t), map[int64]ledger.Spending{k.ID: {Spent: 100}})
	ask.Least, ask.Most = 1, 1
	same(t, "when all is spent", must(a.Lease(ctx, []ledger.Ask{ask}))(t)[0], ledger.Grant{})
	a.verified("with allowances")
	same(t, "a pot of no key", must(a.Lease(ctx, []ledger.Ask{{Pot: ledger.Pot{Kind: ledger.AllowancePot, ID: 99}, Least: 1, Most: 1}}))(t)[0], ledger.Grant{})
}

// Purses of several stores spend a project to the end while a deposit comes:
// the sum of all receipts is what was there, and the books are in order.
func testPurses(t *testing.T, db Database) {
	stores := []fixture{open(t, db), open(t, db), open(t, db)}
	p := stores[0].project("p", 20_000)
	k := stores[0].key(p, "k", 5_000)
	var next, charged, limited atomic.Int64
	var clients, running sync.WaitGroup
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	var all []*ledger.Purses
	for _, s := range stores {
		purses := ledger.NewPurses(s)
		all = append(all, purses)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		running.Go(func() { purses.Run(run, ticker.C) })
		for c := range 16 {
			root := int64(0)
			if c < 4 {
				root = k.Root
			}
			purse := purses.Purse(p, root)
			clients.Go(func() {
				for refused := 0; refused < 2; {
					h, err := purse.Hold(ctx, 60)
					if err != nil {
						refused++
						continue
					}
					n := int(next.Add(1))
					cost := ledger.Amount(n % 61)
					e := paid(n, p, k.ID, cost)
					e.Outcome.Request = fmt.Sprintf("req-%d", n)
					e.Receipt.Request = e.Outcome.Request
					if root == 0 {
						e.Receipt.Key = 1000 // some other key
					}
					if err := s.Record(ctx, e); err != nil {
						t.Error(err)
					}
					h.Settle(cost)
					charged.Add(int64(cost))
					if root != 0 {
						limited.Add(int64(cost))
					}
				}
			})
		}
	}
	must(stores[1].Deposit(ctx, p, 3_000, "", "", t0))(t)
	clients.Wait()
	cancel()
	running.Wait()
	for _, purses := range all {
		if err := purses.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	for _, s := range stores {
		must(s.Balances(ctx))(t) // moves what it recorded
	}
	left := ledger.Amount(23_000 - charged.Load())
	stores[0].balance("in the end", p, left, 0)
	if left < 0 || left > 23_000/2 { // a slow machine may refuse some early, not most
		t.Errorf("%d are left of 23000 that 48 clients wanted", int64(left))
	}
	if limited.Load() > 5_000 {
		t.Errorf("%d were charged to a key with a limit of 5000", limited.Load())
	}
	if r := stores[0].verified("in the end"); int64(r.Earned) != charged.Load() || r.Covered != 0 {
		t.Errorf("%d were charged, the audit says %+v", charged.Load(), r)
	}
}

func testPrices(t *testing.T, db Database) {
	s := open(t, db)
	one, two := task.Price{Prompt: 1, Output: 2}, task.Price{Output: 9}
	same(t, "first prices", must(s.SavePrices(ctx, map[string]task.Price{"b": two, "a": one}, t0))(t),
		[]ledger.PriceChange{{Task: "a", Since: t0, Price: one}, {Task: "b", Since: t0, Price: two}})
	same(t, "the same again", must(s.SavePrices(ctx, map[string]task.Price{"b": two}, t0.Add(time.Hour)))(t), []ledger.PriceChange{})
	later := must(s.SavePrices(ctx, map[string]task.Price{"b": one, "a": one}, t0.Add(time.Hour)))(t)
	same(t, "a change", later, []ledger.PriceChange{{Task: "b", Since: t0.Add(time.Hour), Price: one}})
	earlier := must(s.SavePrices(ctx, map[string]task.Price{"b": two}, t0))(t) // by a clock that is behind
	if len(earlier) != 1 || !earlier[0].Since.After(later[0].Since) {
		t.Errorf("a later change is noted as of %v", earlier)
	}
	same(t, "a task's prices", must(s.Prices(ctx, "b"))(t), []ledger.PriceChange{{Task: "b", Since: t0, Price: two}, later[0], earlier[0]})
	if all := must(s.Prices(ctx, ""))(t); len(all) != 4 || all[0].Task != "a" {
		t.Errorf("all prices: %v", all)
	}
}

func testClaims(t *testing.T, db Database) {
	s := open(t, db)
	c := store.Claim{Key: 5, Name: "once", Hash: [32]byte{1, 2}, Request: attempt(1).Request, At: t0, Expires: t0.Add(time.Hour)}
	claim := func(f fixture, c store.Claim) (store.Claim, bool) {
		t.Helper()
		earlier, known, err := f.Claim(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return earlier, known
	}
	if _, known := claim(s, c); known {
		t.Fatal("the first claim is known")
	}
	second := c
	second.Request, second.At = "req-2", t0.Add(time.Minute)
	got, known := claim(s, second)
	if !known {
		t.Fatal("the second claim is not known")
	}
	same(t, "the claim under way", got, c)
	other := second
	other.Key = 6
	if _, known := claim(s, other); known {
		t.Error("another key's claim is known")
	}
	e := outcome.Entry{Outcome: attempt(1), Answer: &outcome.Answer{Key: 5, Name: "once", Request: c.Request, Status: 200, ContentType: "text/event-stream", Body: []byte("data: x\n\n")}}
	s.record(e)
	c.Answered, c.Status, c.ContentType, c.Body = true, 200, e.Answer.ContentType, e.Answer.Body
	for _, f := range []fixture{s, open(t, db)} {
		got, known = claim(f, second)
		if !known {
			t.Fatal("an answered claim is not known")
		}
		same(t, "the answered claim", got, c)
	}
	wantIs(t, "giving up an answered claim", s.Unclaim(ctx, 5, "once", c.Request), store.ErrNotFound)
	second.At, second.Expires = c.Expires, c.Expires.Add(time.Hour)
	if _, known := claim(s, second); known {
		t.Error("a claim that expired is known")
	}
	wantIs(t, "giving up another's claim", s.Unclaim(ctx, 5, "once", "req-3"), store.ErrNotFound)
	if err := s.Unclaim(ctx, 5, "once", second.Request); err != nil {
		t.Fatal(err)
	}
	third := second
	third.Request = attempt(3).Request
	if _, known := claim(s, third); known {
		t.Error("a claim that was given up is known")
	}
	long := outcome.Entry{Outcome: attempt(3), Answer: &outcome.Answer{Key: 5, Name: "once", Request: third.Request, Status: 200, Body: make([]byte, store.MaxAnswer+1)}}
	s.record(long)
	if got, known := claim(s, third); !known || !got.Answered || !got.Dropped || len(got.Body) > 0 {
		t.Errorf("after an answer that was too long: known %t, answered %t, dropped %t", known, got.Answered, got.Dropped)
	}
	for name, bad := range map[string]store.Claim{
		"no name":     {Key: 5, Request: "r", At: t0, Expires: t0.Add(1)},
		"a long name": {Key: 5, Name: strings.Repeat("x", 256), Request: "r", At: t0, Expires: t0.Add(1)},
		"no end":      {Key: 5, Name: "x", Request: "r", At: t0, Expires: t0},
	} {
		if _, _, err := s.Claim(ctx, bad); err == nil {
			t.Errorf("a claim with %s was accepted", name)
		}
	}
	// A process that ends drops what it has not answered.
	dead := fixture{db.Open(t), t}
	lost := store.Claim{Key: 5, Name: "lost", Request: "req-9", At: t0, Expires: t0.Add(time.Hour)}
	claim(dead, lost)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if _, known := claim(s, lost); known {
		t.Error("the claim of a process that ended is known")
	}
}

func testBeats(t *testing.T, db Database) {
	a := open(t, db)
	b := fixture{db.Open(t), t}
	beat := func(s fixture, at time.Duration, want int) {
		t.Helper()
		if n := must(s.Beat(ctx, t0.Add(at), t0.Add(at-6*time.Second)))(t); n != want {
			t.Errorf("after %v there are %d processes, want %d", at, n, want)
		}
	}
	beat(a, 0, 1)
	beat(b, time.Second, 2)
	beat(a, 2*time.Second, 2)
	beat(a, 8*time.Second, 1)
	beat(b, 9*time.Second, 2)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	beat(a, 10*time.Second, 1)
}
