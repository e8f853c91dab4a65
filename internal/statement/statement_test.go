package statement

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/task"
)

var (
	ctx      = context.Background()
	november = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	shop     = apikey.Project{ID: 2, Name: "shop", Kind: apikey.Prepaid}
)

// books are a project's, in memory: its movements and receipts.
type books struct {
	movements []ledger.Transaction
	receipts  []ledger.Receipt
	// read is called after the usage was read.
	read func(*books)
	// lost is taken off every balance.
	lost ledger.Amount
}

func (b *books) BalanceAt(_ context.Context, _ int64, at time.Time) (sum ledger.Amount, _ error) {
	for i := range b.movements {
		if b.movements[i].At.Before(at) {
			sum += Effect(&b.movements[i])
		}
	}
	for _, r := range b.receipts {
		if r.At.Before(at) {
			sum -= r.Charged
		}
	}
	if at.After(november) {
		sum -= b.lost
	}
	return sum, nil
}

func (b *books) Transactions(_ context.Context, q ledger.TransactionQuery, limit int) (list []ledger.Transaction, _ error) {
	for _, t := range b.movements {
		if t.ID > q.After && !t.At.Before(q.From) && t.At.Before(q.To) && len(list) < limit {
			list = append(list, t)
		}
	}
	return list, nil
}

func (b *books) Usage(_ context.Context, q ledger.UsageQuery) (list []ledger.Usage, _ error) {
	for _, r := range b.receipts {
		if !r.At.Before(q.From) && r.At.Before(q.To) {
			list = append(list, ledger.Usage{Task: r.Task, Day: r.At.Truncate(24 * time.Hour), Unit: r.Unit, Requests: 1, Work: r.Work, Cost: r.Cost, Charged: r.Charged})
		}
	}
	if b.read != nil {
		b.read(b)
	}
	return list, nil
}

func movement(id int64, kind ledger.Kind, amount ledger.Amount, at time.Time) ledger.Transaction {
	t := ledger.Transaction{ID: id, At: at, Kind: kind, To: ledger.Account{Kind: ledger.Project, Project: 2}, Amount: amount, Note: "why <b>"}
	if amount < 0 {
		t.From, t.To, t.Amount = t.To, t.From, -amount
	}
	return t
}

func receipt(charged ledger.Amount, at time.Time) ledger.Receipt {
	return ledger.Receipt{Task: "chat", At: at, Unit: task.Token, Work: task.Work{Prompt: 3, Units: int64(charged)}, Cost: charged, Charged: charged}
}

// Whatever was booked, each month adds up, and opens with what the last one
// closed with.
func TestMonthsAddUpAndFollowOneAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &books{}
		when := rapid.Custom(func(t *rapid.T) time.Time {
			return november.Add(time.Duration(rapid.Int64Range(-40*86400, 80*86400).Draw(t, "second")) * time.Second)
		})
		for i := range rapid.IntRange(0, 20).Draw(t, "movements") {
			kind := rapid.SampledFrom([]ledger.Kind{ledger.Deposit, ledger.Adjust, ledger.Refund, ledger.Cover}).Draw(t, "kind")
			amount := ledger.Amount(rapid.Int64Range(1, 1e9).Draw(t, "amount"))
			if kind == ledger.Adjust && rapid.Bool().Draw(t, "taken off") {
				amount = -amount
			}
			b.movements = append(b.movements, movement(int64(i+1), kind, amount, when.Draw(t, "at")))
		}
		for range rapid.IntRange(0, 20).Draw(t, "receipts") {
			b.receipts = append(b.receipts, receipt(ledger.Amount(rapid.Int64Range(0, 1e6).Draw(t, "charged")), when.Draw(t, "at")))
		}
		now := november.AddDate(1, 0, 0)
		var last *Statement
		for m := range 6 {
			s, err := Compose(ctx, b, shop, november.AddDate(0, m-2, 3), now)
			if err != nil {
				t.Fatal(err)
			}
			x := s.Totals
			if s.Opening+x.Deposits+x.Adjustments+x.Refunds+x.Cover-x.Charges != s.Closing || s.Provisional {
				t.Fatalf("the month does not add up: %+v", s)
			}
			if last != nil && last.Closing != s.Opening {
				t.Fatalf("closed with %v, opens with %v", last.Closing, s.Opening)
			}
			last = s
		}
	})
}

// A month that runs while customers are served is provisional, and adds up all
// the same.
func TestBooksInMotion(t *testing.T) {
	now := november.Add(36 * time.Hour)
	b := &books{movements: []ledger.Transaction{movement(1, ledger.Deposit, 100, november.Add(time.Hour))}}
	b.read = func(b *books) { b.receipts = append(b.receipts, receipt(3, now)) }
	s, err := Compose(ctx, b, shop, november, now)
	if err != nil || !s.Provisional || s.Closing != 100-s.Totals.Charges || s.Totals.Charges == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Compose(ctx, b, shop, november, now.AddDate(0, 2, 0)); !errors.Is(err, ErrUnsettled) {
		t.Errorf("a month that is over and changes all the time: %v", err)
	}
	// Once they rest, they are read again.
	n := 0
	b.read = func(b *books) {
		if n++; n == 1 {
			b.receipts = append(b.receipts, receipt(4, november))
		}
	}
	if s, err := Compose(ctx, b, shop, november, now.AddDate(0, 2, 0)); err != nil || s.Provisional {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestBooksThatDoNotAddUp(t *testing.T) {
	b := &books{lost: 1, movements: []ledger.Transaction{movement(1, ledger.Deposit, 100, november.Add(time.Hour))}}
	if _, err := Compose(ctx, b, shop, november, november.AddDate(0, 2, 0)); err == nil || !strings.Contains(err.Error(), "verification") {
		t.Errorf("a micro-credit is missing from the ledger's balance: %v", err)
	}
	if _, err := Compose(ctx, b, shop, november, november.Add(-time.Second)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a month to come: %v", err)
	}
}

func TestPrinted(t *testing.T) {
	b := &books{movements: []ledger.Transaction{
		movement(1, ledger.Deposit, 5*ledger.Credit, november.Add(time.Hour)),
		movement(2, ledger.Adjust, -ledger.Credit, november.Add(2*time.Hour)),
	}}
	for i := range 3 {
		b.receipts = append(b.receipts, receipt(1_000_001, november.AddDate(0, 0, i)))
	}
	b.movements[0].Note = "wire\x1b[31m\ntransfer"
	s, err := Compose(ctx, b, shop, november, november.AddDate(0, 2, 0))
	if err != nil {
		t.Fatal(err)
	}
	var text, page strings.Builder
	if err := errors.Join(s.Text(&text), s.HTML(&page)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Statement of project shop, November 2026", "From 2026-11-01 to 2026-11-30 (UTC), in credits.",
		"Opening balance", "0.00", "+5.00", "-1.00", "-3.000003", "0.999997", "2026-11-03", "why"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(strings.ReplaceAll(page.String(), "&#43;", "+"), want) {
			t.Errorf("%q is missing from\n%s\n%s", want, text.String(), page.String())
		}
	}
	if strings.ContainsAny(text.String(), "\x1b") || !strings.Contains(text.String(), "wire [31m transfer") {
		t.Errorf("a note steers the terminal:\n%s", text.String())
	}
	if strings.Contains(page.String(), "<b>") || strings.Contains(page.String(), "http") {
		t.Errorf("the page takes a note for its own text, or needs something else:\n%s", page.String())
	}
	d := xml.NewDecoder(strings.NewReader(page.String()))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); err != nil {
			if fmt.Sprint(err) != "EOF" {
				t.Errorf("the page's elements do not fit: %v", err)
			}
			break
		}
	}
	empty, err := Compose(ctx, &books{}, shop, november, november.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	text.Reset()
	if err := empty.Text(&text); err != nil || !strings.Contains(text.String(), "Nothing was used.") || !strings.Contains(text.String(), "Provisional") {
		t.Errorf("%s, %v", text.String(), err)
	}
}
