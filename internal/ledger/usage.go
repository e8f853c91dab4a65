package ledger

import (
	"time"

	"vision/internal/task"
)

// Group says by what usage is told apart. It is told apart by unit always,
// since tokens and steps cannot be added.
type Group uint8

const (
	ByProject Group = 1 << iota
	ByKey
	ByTask
	ByDay // of UTC
)

// UsageQuery chooses usage. Zero fields choose all.
type UsageQuery struct {
	Project, Key int64
	Task         string
	From, To     time.Time // days of UTC from the one that holds From until before the one that holds To
	By           Group
}

// Usage sums up receipts. Fields that were not asked for in Group are zero.
type Usage struct {
	Project  int64
	Key      int64
	Task     string
	Day      time.Time // its first instant, UTC
	Unit     task.Unit
	Requests int64
	Partial  int64 // of them, those whose customer hung up
	Work     task.Work
	Cost     Amount // list price
	Charged  Amount
}

// Spending is what has been charged to a key's allowance, which all keys that
// follow one another by rotation share.
type Spending struct {
	Spent  Amount
	Leased Amount // on lease to gateways on top of that
}

// ReceiptQuery chooses receipts of a project, in the order of At, then Request.
type ReceiptQuery struct {
	Project  int64     // required
	Key      int64     // 0 is all
	From, To time.Time // From <= At < To; zero is no bound
	After    *Receipt  // those that follow this one; nil is from the first
}

// TransactionQuery chooses transactions, in the order of their IDs.
type TransactionQuery struct {
	Project  int64     // 0 is all
	Kinds    []Kind    // nil is all
	From, To time.Time // From <= At < To; zero is no bound
	After    int64     // those with greater IDs
}

// PriceChange is a task's price from an instant on.
type PriceChange struct {
	Task  string
	Since time.Time
	Price task.Price
}
