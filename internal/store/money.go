package store

import (
	"context"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/task"
)

// Errors of money that callers branch on; roles know them by their kinds and codes.
var (
	// ErrExists: a name is taken.
	ErrExists error = fault.New(fault.Invalid, "already_exists", "already exists")
	// ErrInsufficient: a balance, or a receipt's charge, does not cover it.
	ErrInsufficient error = fault.New(fault.Invalid, "insufficient_balance", "the balance does not cover it")
)

// MaxAnswer is the most bytes of an answer that is kept for an idempotency
// key. Of a longer one it is kept that there was one, but not what.
const MaxAnswer = 16 << 20

// Money is the part of a Store that keeps projects, the ledger and what goes
// with it. Receipts and the ledger are never pruned.
//
// A store is one process to the ledger: leases belong to it, receipts that it
// Records are charged to them, and Close returns what is left of them. When a
// process has ended without Close, another that is open, or the next to open,
// returns its leases, once, after it has booked all receipts that the process
// had recorded. A receipt of a request that has one already is dropped, with a
// warning.
type Money interface {
	ledger.Banker

	// CreateProject writes a project and gives it its ID; ErrExists if its name is taken.
	CreateProject(ctx context.Context, p apikey.Project) (apikey.Project, error)
	// Projects lists all projects, archived ones too, by ID.
	Projects(ctx context.Context) ([]apikey.Project, error)
	// ArchiveProject ends a project's use; ErrNotFound if there is none in use.
	// Its balance stays; the default project cannot be archived.
	ArchiveProject(ctx context.Context, id int64, at time.Time) error
	// Balances lists the balances of all projects, by ID.
	Balances(ctx context.Context) ([]ledger.Balance, error)
	// BalanceAt is what a project had at an instant, with what was on lease.
	BalanceAt(ctx context.Context, project int64, at time.Time) (ledger.Amount, error)

	// RotateKey writes a key made by apikey.Key.Next in place of the key that
	// it is RotatedFrom, which is revoked at until; ErrNotFound if there is none valid.
	RotateKey(ctx context.Context, next apikey.Key, until time.Time) (apikey.Key, error)
	// Spending gives what has been charged to the allowances of keys, by Root,
	// and is on lease of them. Keys that were never charged are left out.
	Spending(ctx context.Context) (map[int64]ledger.Spending, error)

	// Deposit books a payment. One whose Reference was booked before is not
	// booked again: the transaction of then is given, if its project and amount
	// are the same, and else ErrExists.
	Deposit(ctx context.Context, project int64, amount ledger.Amount, reference, note string, at time.Time) (ledger.Transaction, error)
	// Adjust corrects a balance by an amount, which may be below 0;
	// ErrInsufficient if the balance would be, too. What gateways have on lease
	// does not count: they are asked to give it back, so trying again after a
	// second may help.
	Adjust(ctx context.Context, project int64, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error)
	// Refund gives back a part of what a request was charged; ErrNotFound if it
	// has no receipt, ErrInsufficient if that and earlier refunds exceed the
	// charge. It does not give the key's allowance back.
	Refund(ctx context.Context, request string, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error)

	// Receipt is a request's receipt; ErrNotFound if it has none.
	Receipt(ctx context.Context, request string) (ledger.Receipt, error)
	// Receipts lists receipts, at most limit.
	Receipts(ctx context.Context, q ledger.ReceiptQuery, limit int) ([]ledger.Receipt, error)
	// Transactions lists transactions, at most limit.
	Transactions(ctx context.Context, q ledger.TransactionQuery, limit int) ([]ledger.Transaction, error)
	// Usage sums up receipts, in the order of project, key, task, day and unit.
	Usage(ctx context.Context, q ledger.UsageQuery) ([]ledger.Usage, error)
	// Verify audits the books as they are at one instant.
	Verify(ctx context.Context) (ledger.Report, error)

	// SavePrices notes the prices of tasks from an instant on; those that are
	// as they were are not noted again. It says which were.
	SavePrices(ctx context.Context, prices map[string]task.Price, at time.Time) ([]ledger.PriceChange, error)
	// Prices lists the prices that a task ("" is all) has had, by task, oldest first.
	Prices(ctx context.Context, task string) ([]ledger.PriceChange, error)

	// Claim begins a request with an idempotency key, unless there was one with
	// that key that has not expired: then it gives what is known of that one,
	// and true. The claim lasts until the Answer is Recorded, Unclaim, or the
	// end of the process without an Answer, which gives it back.
	Claim(ctx context.Context, c Claim) (earlier Claim, known bool, err error)
	// Unclaim drops a claim of this request, which came to nothing: the next
	// with its idempotency key begins anew. ErrNotFound if it has an answer, or there is none.
	Unclaim(ctx context.Context, key int64, name, request string) error

	// Beat says that this process serves customers, and counts the processes
	// that did so after since, itself among them.
	Beat(ctx context.Context, now, since time.Time) (alive int, err error)
}

// Claim is what is known of a request with an idempotency key.
type Claim struct {
	Key     int64    // API key, by its Root
	Name    string   // the idempotency key, at most 255 bytes
	Hash    [32]byte // of what was asked
	Request string   // request id
	At      time.Time
	Expires time.Time // from when on it is forgotten

	// What follows is of an earlier claim, set when it has been answered.
	Answered    bool
	Dropped     bool // the answer was too long to be kept
	Status      int  // HTTP
	ContentType string
	Body        []byte
}
