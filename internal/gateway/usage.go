package gateway

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/task"
)

// Books are where projects, prices and receipts are kept.
type Books interface {
	// Projects lists all projects, archived ones too.
	Projects(ctx context.Context) ([]apikey.Project, error)
	// Balances lists the balances of all projects.
	Balances(ctx context.Context) ([]ledger.Balance, error)
	// Usage sums up receipts.
	Usage(ctx context.Context, q ledger.UsageQuery) ([]ledger.Usage, error)
	// SavePrices notes the prices of tasks from an instant on, if they are new.
	SavePrices(ctx context.Context, prices map[string]task.Price, at time.Time) ([]ledger.PriceChange, error)
	// Beat says that this process serves customers, and counts those that did after since.
	Beat(ctx context.Context, now, since time.Time) (alive int, err error)
}

// usagePath is where customers see what their project has used.
const usagePath = "/v1/usage"

const day = "2006-01-02"

// usage answers with what the project of the request's key has used and has
// left: see docs/api.md.
func (x *exchange) usage() error {
	x.event.Path = usagePath
	query, err := usageQuery(x.r.URL.RawQuery, x.arrived)
	if err != nil {
		return err
	}
	project := x.holder.project
	query.Project = project.ID
	ctx, cancel := context.WithTimeout(x.r.Context(), x.g.Limits.Record)
	defer cancel()
	rows, err := x.g.Books.Usage(ctx, query)
	if err != nil {
		return notNow(err, "usage_unavailable", "What was used cannot be looked up now. Try again soon.")
	}
	answer := usageAnswer{Object: "usage", Project: project.Name, Kind: project.Kind.String(), Data: []usageRow{},
		From: query.From.Format(day), To: query.To.Format(day)}
	if project.Kind == apikey.Prepaid {
		if answer.Balance, err = x.g.balance(ctx, project.ID); err != nil {
			return notNow(err, "usage_unavailable", "The balance cannot be looked up now. Try again soon.")
		}
	}
	for _, u := range rows {
		row := usageRow{Key: u.Key, Task: u.Task, Unit: string(u.Unit), Requests: u.Requests, Partial: u.Partial,
			Prompt: u.Work.Prompt, Units: u.Work.Units, Cost: int64(u.Cost), Charged: int64(u.Charged)}
		if !u.Day.IsZero() {
			row.Day = u.Day.Format(day)
		}
		answer.Data = append(answer.Data, row)
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	x.event.Status = 200
	x.respond(200, body)
	return nil
}

// usageAnswer is a project's usage. Amounts are micro-credits.
type usageAnswer struct {
	Object  string     `json:"object"` // "usage"
	Project string     `json:"project"`
	Kind    string     `json:"kind"`              // "free" or "prepaid"
	Balance *int64     `json:"balance,omitempty"` // of a prepaid project: what it has not been charged for
	From    string     `json:"from"`              // first day
	To      string     `json:"to"`                // the day after the last
	Data    []usageRow `json:"data"`
}

type usageRow struct {
	Day      string `json:"day,omitempty"`
	Key      int64  `json:"key,omitempty"`
	Task     string `json:"model,omitempty"`
	Unit     string `json:"unit"`
	Requests int64  `json:"requests"`
	Partial  int64  `json:"partial"` // of them, those whose customer hung up
	Prompt   int64  `json:"prompt_tokens"`
	Units    int64  `json:"units"`
	Cost     int64  `json:"cost"`    // at list prices
	Charged  int64  `json:"charged"` // 0 in a free project
}

func (g *Gateway) balance(ctx context.Context, project int64) (*int64, error) {
	all, err := g.Books.Balances(ctx)
	if err != nil {
		return nil, err
	}
	var left int64
	for _, b := range all {
		if b.Project == project {
			left = int64(b.Total())
		}
	}
	return &left, nil
}

// usageQuery reads a query: from and to are days of UTC, by default this month
// until today; by is a list of key, model and day, by default the last two.
func usageQuery(raw string, now time.Time) (ledger.UsageQuery, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return ledger.UsageQuery{}, fault.New(fault.Invalid, "invalid_query", "The query is not one: write it as ?from=2026-11-01&to=2026-12-01&by=day,model.")
	}
	now = now.UTC()
	q := ledger.UsageQuery{
		From: time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC),
		To:   time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC),
		By:   ledger.ByTask | ledger.ByDay,
	}
	for name, all := range values {
		text := all[len(all)-1]
		switch name {
		case "from", "to":
			t, err := time.Parse(day, text)
			if err != nil {
				return q, fault.BadParam(name, "%s is %.20q, want a day such as 2026-11-01.", name, text)
			}
			if name == "from" {
				q.From = t
			} else {
				q.To = t
			}
		case "by":
			q.By = 0
			for part := range strings.SplitSeq(text, ",") {
				switch part {
				case "key":
					q.By |= ledger.ByKey
				case "model":
					q.By |= ledger.ByTask
				case "day":
					q.By |= ledger.ByDay
				default:
					return q, fault.BadParam("by", "by has %.20q, want a list of key, model and day.", part)
				}
			}
		default:
			return q, fault.BadParam(name, "%.40q is not something that usage is asked by: use from, to and by.", name)
		}
	}
	if q.To.Sub(q.From) > 400*24*time.Hour || !q.From.Before(q.To) {
		return q, fault.BadParam("from", "Ask for 1 to 400 days: from is the first, to the day after the last.")
	}
	return q, nil
}
