package ledger

import (
	"fmt"
	"strconv"
)

// AccountKind is what an account is for.
type AccountKind uint8

const (
	Bank    AccountKind = iota // the world outside, from which money comes: the only balance below 0
	Revenue                    // what was earned
	Project                    // what a project may spend
	Lease                      // what one process may spend of it without asking
)

// Account names an account.
type Account struct {
	Kind    AccountKind
	Project int64  // of Project and Lease; > 0
	Process string // of Lease; the name that a store gives to a process, without colons
}

// String is "bank", "revenue", "project:7" or "lease:PROCESS:7".
func (a Account) String() string {
	switch a.Kind {
	case Bank:
		return "bank"
	case Revenue:
		return "revenue"
	case Project:
		return "project:" + strconv.FormatInt(a.Project, 10)
	case Lease:
		return "lease:" + a.Process + ":" + strconv.FormatInt(a.Project, 10)
	}
	return fmt.Sprintf("account(%d)", uint8(a.Kind))
}

// Balance is what a project has.
type Balance struct {
	Project int64
	Free    Amount // on the project's own account
	Leased  Amount // on the leases of gateways, held or not
}

// Total is all that the project has not been charged for.
func (b Balance) Total() Amount { return b.Free + b.Leased }
