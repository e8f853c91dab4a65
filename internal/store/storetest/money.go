package storetest

import (
	"strings"
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
