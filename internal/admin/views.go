package admin

import (
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/statement"
)

// Project is a project as it is shown. Amounts are micro-credits.
type Project struct {
	ID       int64      `json:"id"`
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`    // free or prepaid
	Balance  int64      `json:"balance"` // what it has not been charged for, with what is on lease
	Leased   int64      `json:"leased"`  // of it, what gateways have on lease
	Keys     int        `json:"keys"`    // that work
	Created  time.Time  `json:"created"`
	Archived *time.Time `json:"archived,omitempty"`
}

func projectOf(p apikey.Project, b ledger.Balance, keys int) Project {
	return Project{ID: p.ID, Name: p.Name, Kind: p.Kind.String(), Balance: int64(b.Total()), Leased: int64(b.Leased), Keys: keys,
		Created: p.Created.UTC(), Archived: maybe(p.Archived)}
}

// Key is a key as it is shown.
type Key struct {
	ID              int64      `json:"id"`
	Key             string     `json:"key,omitempty"` // its text, when it was made just now
	Name            string     `json:"name"`
	Hint            string     `json:"hint"`  // its last four characters
	State           string     `json:"state"` // valid, retiring (rotated, in its grace), expired or revoked
	ProjectID       int64      `json:"project_id"`
	Project         string     `json:"project"`
	Tasks           []string   `json:"tasks"` // empty: all
	PerMinute       int        `json:"per_minute"`
	TokensPerMinute int64      `json:"tokens_per_minute"`
	Concurrent      int        `json:"concurrent"`
	SpendLimit      int64      `json:"spend_limit"` // micro-credits, of it and those rotated from it and into it
	Spent           int64      `json:"spent"`       // of the limit
	Created         time.Time  `json:"created"`
	Expires         *time.Time `json:"expires,omitempty"`
	Revoked         *time.Time `json:"revoked,omitempty"`
	RotatedFrom     int64      `json:"rotated_from,omitempty"`
}

func keyOf(k *apikey.Key, project string, spending ledger.Spending, now time.Time) Key {
	v := Key{ID: k.ID, Name: k.Name, Hint: k.Hint, State: "valid", ProjectID: k.Project, Project: project, Tasks: k.Tasks.Tasks(),
		PerMinute: k.PerMinute, TokensPerMinute: k.TokensPerMinute, Concurrent: k.Concurrent, SpendLimit: int64(k.SpendLimit), Spent: int64(spending.Spent),
		Created: k.Created.UTC(), Expires: maybe(k.Expires), Revoked: maybe(k.Revoked), RotatedFrom: k.RotatedFrom}
	if v.Tasks == nil {
		v.Tasks = []string{}
	}
	switch {
	case !k.Revoked.IsZero() && !k.Revoked.After(now):
		v.State = "revoked"
	case !k.Valid(now):
		v.State = "expired"
	case !k.Revoked.IsZero():
		v.State = "retiring"
	}
	return v
}

// Transaction is a transaction as it is shown.
type Transaction struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	ProjectID int64     `json:"project_id,omitempty"` // whose money moved
	From      string    `json:"from"`                 // accounts
	To        string    `json:"to"`
	Amount    int64     `json:"amount"` // micro-credits, > 0
	Request   string    `json:"request,omitempty"`
	Note      string    `json:"note,omitempty"`
	Reference string    `json:"reference,omitempty"`
}

func transactionOf(t ledger.Transaction) Transaction {
	return Transaction{ID: t.ID, At: t.At.UTC(), Kind: t.Kind.String(), ProjectID: t.Project(), From: t.From.String(), To: t.To.String(),
		Amount: int64(t.Amount), Request: t.Request, Note: t.Note, Reference: t.Reference}
}

// Receipt is a receipt as it is shown. Prices are micro-credits per thousand.
type Receipt struct {
	Request     string    `json:"request"`
	ProjectID   int64     `json:"project_id"`
	Key         int64     `json:"key"`
	Task        string    `json:"task"`
	At          time.Time `json:"at"`
	Class       string    `json:"class"`
	Prompt      int64     `json:"prompt_tokens"`
	Units       int64     `json:"units"`
	Unit        string    `json:"unit"`
	PricePrompt int64     `json:"price_prompt"`
	PriceOutput int64     `json:"price_output"`
	Cost        int64     `json:"cost"`
	Charged     int64     `json:"charged"`
	Miner       string    `json:"miner"`
	Tries       int       `json:"tries"`
}

func receiptOf(r *ledger.Receipt) Receipt {
	return Receipt{Request: r.Request, ProjectID: r.Project, Key: r.Key, Task: r.Task, At: r.At.UTC(), Class: r.Class.String(),
		Prompt: r.Work.Prompt, Units: r.Work.Units, Unit: string(r.Unit), PricePrompt: r.Price.Prompt, PriceOutput: r.Price.Output,
		Cost: int64(r.Cost), Charged: int64(r.Charged), Miner: r.Miner.String(), Tries: r.Tries}
}

// Usage is a sum of receipts. Fields that it is not told apart by are left out.
type Usage struct {
	Day       string `json:"day,omitempty"`
	ProjectID int64  `json:"project_id,omitempty"`
	Project   string `json:"project,omitempty"`
	Key       int64  `json:"key,omitempty"`
	Task      string `json:"task,omitempty"`
	Unit      string `json:"unit"`
	Requests  int64  `json:"requests"`
	Partial   int64  `json:"partial"` // of them, those whose customer hung up
	Prompt    int64  `json:"prompt_tokens"`
	Units     int64  `json:"units"`
	Cost      int64  `json:"cost"`    // at list prices
	Charged   int64  `json:"charged"` // 0 in a free project
}

// UsageReport is usage with the days that it is of.
type UsageReport struct {
	From string  `json:"from"` // first day
	To   string  `json:"to"`   // the day after the last
	By   string  `json:"by"`
	Data []Usage `json:"data"`
}

// Price is what a task costs from an instant on, in micro-credits per thousand.
type Price struct {
	Task   string    `json:"task"`
	Since  time.Time `json:"since"`
	Prompt int64     `json:"prompt"`
	Output int64     `json:"output"`
	Now    bool      `json:"now"` // in force
}

// Verification is what an audit of the books found.
type Verification struct {
	OK           bool      `json:"ok"`
	Transactions int       `json:"transactions"`
	Accounts     int       `json:"accounts"`
	Receipts     int       `json:"receipts"`
	Total        int64     `json:"total"` // of all balances: 0
	Deposited    int64     `json:"deposited"`
	Earned       int64     `json:"earned"`
	Covered      int64     `json:"covered"`
	Problems     []Problem `json:"problems"`
}

// Problem is one thing that is wrong with the books.
type Problem struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func verificationOf(r *ledger.Report) Verification {
	v := Verification{OK: r.OK(), Transactions: r.Transactions, Accounts: r.Accounts, Receipts: r.Receipts, Total: int64(r.Total),
		Deposited: int64(r.Deposited), Earned: int64(r.Earned), Covered: int64(r.Covered), Problems: []Problem{}}
	for _, p := range r.Problems {
		v.Problems = append(v.Problems, Problem{p.Code, p.Text})
	}
	return v
}

// Statement is a statement as JSON.
type Statement struct {
	ProjectID   int64         `json:"project_id"`
	Project     string        `json:"project"`
	Kind        string        `json:"kind"`
	From        string        `json:"from"`
	To          string        `json:"to"` // the day after the last
	Made        time.Time     `json:"made"`
	Provisional bool          `json:"provisional"`
	Opening     int64         `json:"opening"`
	Deposits    int64         `json:"deposits"`
	Adjustments int64         `json:"adjustments"`
	Refunds     int64         `json:"refunds"`
	Cover       int64         `json:"cover"`
	Charges     int64         `json:"charges"`
	Closing     int64         `json:"closing"` // opening + deposits + adjustments + refunds + cover - charges
	ListPrice   int64         `json:"list_price"`
	Requests    int64         `json:"requests"`
	Movements   []Transaction `json:"movements"`
	Usage       []Usage       `json:"usage"`
}

// StatementOf is a statement as JSON.
func StatementOf(s *statement.Statement) Statement {
	t := s.Totals
	v := Statement{ProjectID: s.Project.ID, Project: s.Project.Name, Kind: s.Project.Kind.String(), From: s.From.Format(day), To: s.To.Format(day),
		Made: s.Made, Provisional: s.Provisional, Opening: int64(s.Opening), Deposits: int64(t.Deposits), Adjustments: int64(t.Adjustments),
		Refunds: int64(t.Refunds), Cover: int64(t.Cover), Charges: int64(t.Charges), Closing: int64(s.Closing), ListPrice: int64(t.List),
		Requests: t.Requests, Movements: []Transaction{}, Usage: []Usage{}}
	for _, m := range s.Movements {
		v.Movements = append(v.Movements, transactionOf(m))
	}
	for i := range s.Usage {
		v.Usage = append(v.Usage, usageOf(&s.Usage[i], nil))
	}
	return v
}

func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
