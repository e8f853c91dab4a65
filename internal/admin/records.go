package admin

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"vision/internal/fault"
	"vision/internal/ledger"
)

const day = "2006-01-02"

// Query chooses what is reported. Empty fields choose all.
type Query struct {
	Project  string // name or number
	Key      int64
	Task     string
	From, To string // days of UTC, such as 2026-11-01: from the first on, until before the last
	By       string // of usage: a list of project, key, task and day
	Kinds    string // of transactions: a list of deposit, adjust, lease, return, charge, refund and cover
}

// MaxDays is the longest span that usage is summed up over.
const MaxDays = 400

// span reads the days of a query. Both may be left out.
func (q *Query) span() (from, to time.Time, err error) {
	for _, d := range []struct {
		param, text string
		into        *time.Time
	}{{"from", q.From, &from}, {"to", q.To, &to}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = time.Parse(day, d.text); err != nil {
			return from, to, fault.BadParam(d.param, "%s is %.20q, want a day such as 2026-11-01.", d.param, d.text)
		}
		if y := d.into.Year(); y < 1970 || y > 2200 {
			return from, to, fault.BadParam(d.param, "%s is in the year %d, want 1970 to 2200.", d.param, y)
		}
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, fault.BadParam("from", "From is not before to, which is the day after the last.")
	}
	return from, to, nil
}

var groups = map[string]ledger.Group{"project": ledger.ByProject, "key": ledger.ByKey, "task": ledger.ByTask, "day": ledger.ByDay}

// Usage sums up receipts: by default of this month until today, by project,
// task and day.
func (o *Office) Usage(ctx context.Context, q Query) (UsageReport, error) {
	if q.By == "" {
		q.By = "project,task,day"
	}
	now := o.now().UTC()
	tomorrow := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC)
	if q.To == "" {
		q.To = tomorrow.Format(day)
	}
	if q.From == "" {
		q.From = now.Format("2006-01") + "-01"
	}
	report := UsageReport{From: q.From, To: q.To, By: q.By, Data: []Usage{}}
	from, to, err := q.span()
	if err != nil {
		return report, err
	}
	if to.Sub(from) > MaxDays*24*time.Hour {
		return report, fault.BadParam("from", "Ask for at most %d days.", MaxDays)
	}
	ask := ledger.UsageQuery{Key: q.Key, Task: q.Task, From: from, To: to}
	for part := range strings.SplitSeq(q.By, ",") {
		g, ok := groups[strings.TrimSpace(part)]
		if !ok {
			return report, fault.BadParam("by", "by has %.20q, want a list of project, key, task and day.", part)
		}
		ask.By |= g
	}
	projects, err := o.Store.Projects(ctx)
	if err != nil {
		return report, err
	}
	names := map[int64]string{}
	for _, p := range projects {
		names[p.ID] = p.Name
	}
	if q.Project != "" {
		p, err := find(projects, q.Project)
		if err != nil {
			return report, err
		}
		ask.Project = p.ID
	}
	rows, err := o.Store.Usage(ctx, ask)
	if err != nil {
		return report, err
	}
	for i := range rows {
		report.Data = append(report.Data, usageOf(&rows[i], names))
	}
	return report, nil
}

func usageOf(u *ledger.Usage, names map[int64]string) Usage {
	v := Usage{ProjectID: u.Project, Project: names[u.Project], Key: u.Key, Task: u.Task, Unit: string(u.Unit), Requests: u.Requests, Partial: u.Partial,
		Prompt: u.Work.Prompt, Units: u.Work.Units, Cost: int64(u.Cost), Charged: int64(u.Charged)}
	if !u.Day.IsZero() {
		v.Day = u.Day.Format(day)
	}
	return v
}

// CSV writes the report as comma-separated values with a header.
func (r *UsageReport) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	w.Write([]string{"day", "project_id", "project", "key", "task", "unit", "requests", "partial", "prompt_tokens", "units", "cost_microcredits", "charged_microcredits"})
	for _, u := range r.Data {
		w.Write([]string{u.Day, blank(u.ProjectID), u.Project, blank(u.Key), u.Task, u.Unit, number(u.Requests), number(u.Partial),
			number(u.Prompt), number(u.Units), number(u.Cost), number(u.Charged)})
	}
	w.Flush()
	return w.Error()
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func blank(n int64) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// Pages of lists.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Receipts lists a project's receipts, in the order of their time: at most
// limit, those after the receipt of a request, if one is named. next is what to
// name for more; "" if there are none.
func (o *Office) Receipts(ctx context.Context, q Query, after string, limit int) (list []Receipt, next string, err error) {
	ask, err := o.receipts(ctx, q)
	if err != nil {
		return nil, "", err
	}
	if after != "" {
		last, err := o.Store.Receipt(ctx, after)
		if err != nil {
			return nil, "", noReceipt(err, after)
		}
		ask.After = &last
	}
	rows, err := o.Store.Receipts(ctx, ask, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows, next = rows[:limit], rows[limit-1].Request
	}
	list = make([]Receipt, 0, len(rows))
	for i := range rows {
		list = append(list, receiptOf(&rows[i]))
	}
	return list, next, nil
}

func (o *Office) receipts(ctx context.Context, q Query) (ask ledger.ReceiptQuery, err error) {
	if q.Project == "" {
		return ask, fault.BadParam("project", "Say whose receipts: name a project.")
	}
	p, err := o.Find(ctx, q.Project)
	if err != nil {
		return ask, err
	}
	ask = ledger.ReceiptQuery{Project: p.ID, Key: q.Key}
	ask.From, ask.To, err = q.span()
	return ask, err
}

// EachReceipt gives all of a project's receipts to f.
func (o *Office) EachReceipt(ctx context.Context, q Query, f func(Receipt) error) error {
	ask, err := o.receipts(ctx, q)
	if err != nil {
		return err
	}
	for {
		rows, err := o.Store.Receipts(ctx, ask, MaxLimit)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := f(receiptOf(&rows[i])); err != nil {
				return err
			}
		}
		if len(rows) < MaxLimit {
			return nil
		}
		ask.After = &rows[len(rows)-1]
	}
}

// ReceiptsCSV writes all of a project's receipts as comma-separated values with
// a header. Nothing is written if the query is wrong.
func (o *Office) ReceiptsCSV(ctx context.Context, q Query, out io.Writer) error {
	if _, err := o.receipts(ctx, q); err != nil {
		return err
	}
	w := csv.NewWriter(out)
	w.Write([]string{"request", "at", "project_id", "key", "task", "class", "prompt_tokens", "units", "unit",
		"price_prompt", "price_output", "cost_microcredits", "charged_microcredits", "miner", "tries"})
	err := o.EachReceipt(ctx, q, func(r Receipt) error {
		return w.Write([]string{r.Request, r.At.Format(time.RFC3339Nano), number(r.ProjectID), number(r.Key), r.Task, r.Class, number(r.Prompt), number(r.Units), r.Unit,
			number(r.PricePrompt), number(r.PriceOutput), number(r.Cost), number(r.Charged), r.Miner, strconv.Itoa(r.Tries)})
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// Receipt shows one request's receipt.
func (o *Office) Receipt(ctx context.Context, request string) (Receipt, error) {
	r, err := o.Store.Receipt(ctx, request)
	if err != nil {
		return Receipt{}, noReceipt(err, request)
	}
	return receiptOf(&r), nil
}

// kindNamed is the kind of transaction that a name says.
func kindNamed(name string) (ledger.Kind, bool) {
	for k := ledger.Deposit; k <= ledger.Cover; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// Transactions lists transactions in the order of their numbers: at most limit,
// those with numbers above after. next is what to name for more, 0 if there are none.
func (o *Office) Transactions(ctx context.Context, q Query, after int64, limit int) (list []Transaction, next int64, err error) {
	ask := ledger.TransactionQuery{After: after}
	if q.Project != "" {
		p, err := o.Find(ctx, q.Project)
		if err != nil {
			return nil, 0, err
		}
		ask.Project = p.ID
	}
	if ask.From, ask.To, err = q.span(); err != nil {
		return nil, 0, err
	}
	if q.Kinds != "" {
		for part := range strings.SplitSeq(q.Kinds, ",") {
			k, ok := kindNamed(strings.TrimSpace(part))
			if !ok {
				return nil, 0, fault.BadParam("kind", "kind has %.20q, want a list of deposit, adjust, lease, return, charge, refund and cover.", part)
			}
			ask.Kinds = append(ask.Kinds, k)
		}
	}
	rows, err := o.Store.Transactions(ctx, ask, limit+1)
	if err != nil {
		return nil, 0, err
	}
	if len(rows) > limit {
		rows, next = rows[:limit], rows[limit-1].ID
	}
	list = make([]Transaction, 0, len(rows))
	for _, t := range rows {
		list = append(list, transactionOf(t))
	}
	return list, next, nil
}

// EachTransaction gives transactions to f.
func (o *Office) EachTransaction(ctx context.Context, q ledger.TransactionQuery, f func(*ledger.Transaction) error) error {
	for {
		rows, err := o.Store.Transactions(ctx, q, MaxLimit)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := f(&rows[i]); err != nil {
				return err
			}
		}
		if len(rows) < MaxLimit {
			return nil
		}
		q.After = rows[len(rows)-1].ID
	}
}

// Prices lists the prices that tasks have and had; task "" is all.
func (o *Office) Prices(ctx context.Context, task string) ([]Price, error) {
	all, err := o.Store.Prices(ctx, task)
	if err != nil {
		return nil, err
	}
	list := make([]Price, 0, len(all))
	for i, p := range all {
		last := i+1 == len(all) || all[i+1].Task != p.Task
		list = append(list, Price{Task: p.Task, Since: p.Since.UTC(), Prompt: p.Price.Prompt, Output: p.Price.Output, Now: last})
	}
	return list, nil
}

// Verify audits the books.
func (o *Office) Verify(ctx context.Context) (Verification, error) {
	r, err := o.Store.Verify(ctx)
	if err != nil {
		return Verification{}, err
	}
	return verificationOf(&r), nil
}
