package storetest

import (
	"context"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/store"
	"vision/internal/task"
)

// The methods of store.Money.

func (f *Failing) Lease(ctx context.Context, asks []ledger.Ask) ([]ledger.Grant, error) {
	return call(f, "Lease", func() ([]ledger.Grant, error) { return f.next.Lease(ctx, asks) })
}

func (f *Failing) GiveBack(ctx context.Context, parts []ledger.Part) error {
	return do(f, "GiveBack", func() error { return f.next.GiveBack(ctx, parts) })
}

func (f *Failing) Wanted(ctx context.Context) ([]ledger.Pot, error) {
	return call(f, "Wanted", func() ([]ledger.Pot, error) { return f.next.Wanted(ctx) })
}

func (f *Failing) CreateProject(ctx context.Context, p apikey.Project) (apikey.Project, error) {
	return call(f, "CreateProject", func() (apikey.Project, error) { return f.next.CreateProject(ctx, p) })
}

func (f *Failing) Projects(ctx context.Context) ([]apikey.Project, error) {
	return call(f, "Projects", func() ([]apikey.Project, error) { return f.next.Projects(ctx) })
}

func (f *Failing) ArchiveProject(ctx context.Context, id int64, at time.Time) error {
	return do(f, "ArchiveProject", func() error { return f.next.ArchiveProject(ctx, id, at) })
}

func (f *Failing) Balances(ctx context.Context) ([]ledger.Balance, error) {
	return call(f, "Balances", func() ([]ledger.Balance, error) { return f.next.Balances(ctx) })
}

func (f *Failing) BalanceAt(ctx context.Context, project int64, at time.Time) (ledger.Amount, error) {
	return call(f, "BalanceAt", func() (ledger.Amount, error) { return f.next.BalanceAt(ctx, project, at) })
}

func (f *Failing) RotateKey(ctx context.Context, next apikey.Key, until time.Time) (apikey.Key, error) {
	return call(f, "RotateKey", func() (apikey.Key, error) { return f.next.RotateKey(ctx, next, until) })
}

func (f *Failing) Spending(ctx context.Context) (map[int64]ledger.Spending, error) {
	return call(f, "Spending", func() (map[int64]ledger.Spending, error) { return f.next.Spending(ctx) })
}

func (f *Failing) Deposit(ctx context.Context, project int64, amount ledger.Amount, reference, note string, at time.Time) (ledger.Transaction, error) {
	return call(f, "Deposit", func() (ledger.Transaction, error) {
		return f.next.Deposit(ctx, project, amount, reference, note, at)
	})
}

func (f *Failing) Adjust(ctx context.Context, project int64, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error) {
	return call(f, "Adjust", func() (ledger.Transaction, error) { return f.next.Adjust(ctx, project, amount, note, at) })
}

func (f *Failing) Refund(ctx context.Context, request string, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error) {
	return call(f, "Refund", func() (ledger.Transaction, error) { return f.next.Refund(ctx, request, amount, note, at) })
}

func (f *Failing) Receipt(ctx context.Context, request string) (ledger.Receipt, error) {
	return call(f, "Receipt", func() (ledger.Receipt, error) { return f.next.Receipt(ctx, request) })
}

func (f *Failing) Receipts(ctx context.Context, q ledger.ReceiptQuery, limit int) ([]ledger.Receipt, error) {
	return call(f, "Receipts", func() ([]ledger.Receipt, error) { return f.next.Receipts(ctx, q, limit) })
}

func (f *Failing) Transactions(ctx context.Context, q ledger.TransactionQuery, limit int) ([]ledger.Transaction, error) {
	return call(f, "Transactions", func() ([]ledger.Transaction, error) { return f.next.Transactions(ctx, q, limit) })
}

func (f *Failing) Usage(ctx context.Context, q ledger.UsageQuery) ([]ledger.Usage, error) {
	return call(f, "Usage", func() ([]ledger.Usage, error) { return f.next.Usage(ctx, q) })
}

func (f *Failing) Verify(ctx context.Context) (ledger.Report, error) {
	return call(f, "Verify", func() (ledger.Report, error) { return f.next.Verify(ctx) })
}

func (f *Failing) SavePrices(ctx context.Context, prices map[string]task.Price, at time.Time) ([]ledger.PriceChange, error) {
	return call(f, "SavePrices", func() ([]ledger.PriceChange, error) { return f.next.SavePrices(ctx, prices, at) })
}

func (f *Failing) Prices(ctx context.Context, task string) ([]ledger.PriceChange, error) {
	return call(f, "Prices", func() ([]ledger.PriceChange, error) { return f.next.Prices(ctx, task) })
}

func (f *Failing) Claim(ctx context.Context, c store.Claim) (earlier store.Claim, known bool, err error) {
	err = do(f, "Claim", func() (err error) {
		earlier, known, err = f.next.Claim(ctx, c)
		return err
	})
	return earlier, known, err
}

func (f *Failing) Unclaim(ctx context.Context, key int64, name, request string) error {
	return do(f, "Unclaim", func() error { return f.next.Unclaim(ctx, key, name, request) })
}

func (f *Failing) Beat(ctx context.Context, now, since time.Time) (int, error) {
	return call(f, "Beat", func() (int, error) { return f.next.Beat(ctx, now, since) })
}
