package gateway

import (
	"context"
	"sync"
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/relay"
	"vision/internal/task"
)

// fakeBooks keep one prepaid project's money. What its receipts charge is in the
// fakeStore.
type fakeBooks struct {
	mu       sync.Mutex
	left     map[ledger.Pot]ledger.Amount
	projects []apikey.Project
	prices   int
	alive    int
	asked    ledger.UsageQuery
	down     error // of what is looked up
}

const project = 3

func (b *fakeBooks) Lease(_ context.Context, asks []ledger.Ask) ([]ledger.Grant, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	grants := make([]ledger.Grant, len(asks))
	for i, a := range asks {
		got := ledger.Share(b.left[a.Pot], a, false)
		b.left[a.Pot] -= got
		grants[i] = ledger.Grant{Amount: got, Left: b.left[a.Pot]}
	}
	return grants, nil
}

func (b *fakeBooks) GiveBack(_ context.Context, parts []ledger.Part) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range parts {
		b.left[p.Pot] += p.Amount
	}
	return nil
}

func (b *fakeBooks) Wanted(context.Context) ([]ledger.Pot, error) { return nil, nil }

func (b *fakeBooks) Projects(context.Context) ([]apikey.Project, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]apikey.Project(nil), b.projects...), nil
}

func (b *fakeBooks) Balances(context.Context) ([]ledger.Balance, error) {
	return []ledger.Balance{{Project: 1, Free: 9}, {Project: project, Free: 40, Leased: 2}}, b.down
}

func (b *fakeBooks) Usage(_ context.Context, q ledger.UsageQuery) ([]ledger.Usage, error) {
	b.asked = q
	return []ledger.Usage{{Task: "talker-8b", Day: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), Unit: task.Token, Requests: 2, Partial: 1,
		Work: task.Work{Units: 10, Prompt: 6}, Cost: 5, Charged: 5}}, nil
}

func (b *fakeBooks) SavePrices(_ context.Context, prices map[string]task.Price, _ time.Time) ([]ledger.PriceChange, error) {
	b.prices++
	return nil, nil
}

func (b *fakeBooks) Beat(context.Context, time.Time, time.Time) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alive, nil
}

// bank is a fixture whose customer's project has money.
type bank struct {
	*fixture
	books  *fakeBooks
	purses *ledger.Purses
	had    ledger.Amount
}

// prepaid makes one. Prices are 1,000 and 2,000 micro-credits for a thousand
// units of prompt and output: one and two for a unit.
func prepaid(t testing.TB, balance ledger.Amount, change func(*apikey.Key), steps ...step) *bank {
	t.Helper()
	return prepaidBy(serve, t, balance, change, steps...)
}

// prepaidPiped makes one in a bubble whose time is the test's own.
func prepaidPiped(t testing.TB, balance ledger.Amount, change func(*apikey.Key), steps ...step) *bank {
	t.Helper()
	return prepaidBy(servePiped, t, balance, change, steps...)
}

func prepaidBy(serve func(testing.TB, func(*Config), ...step) *fixture, t testing.TB, balance ledger.Amount, change func(*apikey.Key), steps ...step) *bank {
	t.Helper()
	b := &bank{had: balance, books: &fakeBooks{left: map[ledger.Pot]ledger.Amount{{Kind: ledger.ProjectPot, ID: project}: balance},
		projects: []apikey.Project{{ID: project, Name: "shop", Kind: apikey.Prepaid}}, alive: 1}}
	b.purses = ledger.NewPurses(b.books)
	tick := time.NewTicker(5 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		b.purses.Run(ctx, tick.C)
		close(done)
	}()
	all := tasks()
	for i := range all {
		all[i].Price = task.Price{Prompt: 1000, Output: 2000}
	}
	c, err := task.NewCatalogue(all)
	if err != nil {
		t.Fatal(err)
	}
	b.fixture = serve(t, func(config *Config) {
		config.Catalogue = func() *task.Catalogue { return c }
		config.Books, config.Purses = b.books, b.purses
		store := config.Keys.(*fakeStore)
		store.keys[0].Project, store.keys[0].Root = project, store.keys[0].ID
		if change != nil {
			change(&store.keys[0])
		}
	}, steps...)
	t.Cleanup(func() { // before the fixture's own
		f := b.fixture
		f.http.CloseIdleConnections()
		stop(t, f)
		cancel()
		<-done
		tick.Stop()
		if err := b.purses.Close(context.Background()); err != nil {
			t.Error(err)
		}
		var charged ledger.Amount
		for _, r := range b.receipts() {
			if err := r.Check(); err != nil {
				t.Error(err)
			}
			charged += r.Charged
		}
		if left := b.books.left[ledger.Pot{Kind: ledger.ProjectPot, ID: project}]; left+charged != b.had || left < 0 {
			t.Errorf("of %d micro-credits %d are left and %d were charged", b.had, left, charged)
		}
	})
	return b
}

func (b *bank) receipts() (list []ledger.Receipt) {
	for _, e := range b.store.recorded() {
		if e.Receipt != nil {
			list = append(list, *e.Receipt)
		}
	}
	return list
}

// leaving plays a miner whose customer leaves after n chunks.
func leaving(n int) step {
	return func(ctx context.Context, c relay.Call, s relay.Sink) relay.Answer {
		send(s, n)
		return relay.Answer{Started: true, Work: task.Work{Units: int64(n), Prompt: 3},
			Outcome: outcome.Outcome{Status: outcome.Canceled, Reason: outcome.CallerGone}}
	}
}
