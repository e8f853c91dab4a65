package ledger

import (
	"context"
	"errors"
)

// ErrUnknown is wrapped by an error of a write of which it is not known whether
// it took effect.
var ErrUnknown = errors.New("it is not known whether the write took effect")

// PotKind is what a purse draws on.
type PotKind uint8

const (
	ProjectPot   PotKind = iota + 1 // a project's balance
	AllowancePot                    // what a key with a spend limit, and those rotated from it, may still spend
)

// Pot names a project's balance, or the allowance of a key by its Root.
type Pot struct {
	Kind PotKind
	ID   int64
}

// Ask is what a process wants on lease of a pot.
type Ask struct {
	Pot    Pot
	Least  Amount // nothing at all is better than less; >= 1
	Most   Amount // >= Least
	Urgent bool   // a request waits: where it cannot be had, other processes are asked to give back
}

// Grant answers an Ask.
type Grant struct {
	Amount    Amount // 0, or Least to Most
	Left      Amount // what is still in the pot
	Elsewhere Amount // of the pot, on lease to other processes
}

// Part is an amount of a pot.
type Part struct {
	Pot    Pot
	Amount Amount // > 0
}

// Banker gives leases to this process, durably. A store implements it.
type Banker interface {
	// Lease answers asks in their order, in one transaction. Each Grant follows Share.
	Lease(ctx context.Context, asks []Ask) ([]Grant, error)
	// GiveBack takes back what this process has on lease and does not hold or
	// has not spent; all parts or, with an error that does not wrap ErrUnknown, none.
	GiveBack(ctx context.Context, parts []Part) error
	// Wanted lists the pots of which other processes miss something at this moment.
	Wanted(ctx context.Context) ([]Pot, error)
}

// Share is how much of what is available an ask gets: besides what it needs,
// at most half of the rest, so that other processes find something too. While
// others want what there is not, it gets no more than it needs, and nothing if
// nobody waits for it.
func Share(available Amount, a Ask, wanted bool) Amount {
	switch {
	case available < a.Least || a.Least <= 0 || wanted && !a.Urgent:
		return 0
	case wanted || a.Most <= a.Least:
		return a.Least
	}
	return a.Least + min(a.Most-a.Least, (available-a.Least)/2)
}
