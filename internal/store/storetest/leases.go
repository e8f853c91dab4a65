package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/store"
)

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

// unhurried is a bank during whose work no time passes, however slow the
// machine is: what is too late does not depend on it.
type unhurried struct {
	ledger.Banker
	working *sync.RWMutex // read-locked while any bank works
}

func (b unhurried) Lease(ctx context.Context, asks []ledger.Ask) ([]ledger.Grant, error) {
	b.working.RLock()
	defer b.working.RUnlock()
	return b.Banker.Lease(ctx, asks)
}

func (b unhurried) GiveBack(ctx context.Context, parts []ledger.Part) error {
	b.working.RLock()
	defer b.working.RUnlock()
	return b.Banker.GiveBack(ctx, parts)
}

func (b unhurried) Wanted(ctx context.Context) ([]ledger.Pot, error) {
	b.working.RLock()
	defer b.working.RUnlock()
	return b.Banker.Wanted(ctx)
}

// whileIdle sends ticks of 200 ms, until ctx ends, of a clock that stands still
// while a bank works.
func whileIdle(ctx context.Context, ticks chan<- time.Time, working *sync.RWMutex) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for at := t0; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		working.Lock()
		at = at.Add(200 * time.Millisecond)
		working.Unlock()
		select {
		case ticks <- at:
		case <-ctx.Done():
			return
		}
	}
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
	var working sync.RWMutex
	for _, s := range stores {
		purses := ledger.NewPurses(unhurried{s, &working})
		all = append(all, purses)
		ticks := make(chan time.Time)
		running.Go(func() { whileIdle(run, ticks, &working) })
		running.Go(func() { purses.Run(run, ticks) })
		for c := range 16 {
			root := int64(0)
			if c < 4 {
				root = k.Root
			}
			purse := purses.Purse(p, root)
			clients.Go(func() {
				for refused := 0; refused < 2; {
					h, err := purse.Hold(ctx, 60)
					switch {
					case fault.KindOf(err) == fault.Unavailable:
						continue // as it is told
					case err != nil:
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
	if left < 0 || left > 23_000/2 { // some are refused while it is others', not most
		t.Errorf("%d are left of 23000 that 48 clients wanted", int64(left))
	}
	if limited.Load() > 5_000 {
		t.Errorf("%d were charged to a key with a limit of 5000", limited.Load())
	}
	if r := stores[0].verified("in the end"); int64(r.Earned) != charged.Load() || r.Covered != 0 {
		t.Errorf("%d were charged, the audit says %+v", charged.Load(), r)
	}
}
