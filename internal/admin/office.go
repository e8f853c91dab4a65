package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/statement"
	"vision/internal/task"
)

// Store is where projects, keys and the ledger are kept.
type Store interface {
	CreateProject(ctx context.Context, p apikey.Project) (apikey.Project, error)
	Projects(ctx context.Context) ([]apikey.Project, error)
	ArchiveProject(ctx context.Context, id int64, at time.Time) error
	Balances(ctx context.Context) ([]ledger.Balance, error)

	CreateKey(ctx context.Context, k apikey.Key) (apikey.Key, error)
	Keys(ctx context.Context) ([]apikey.Key, error)
	RevokeKey(ctx context.Context, id int64, at time.Time) error
	RotateKey(ctx context.Context, next apikey.Key, until time.Time) (apikey.Key, error)
	Spending(ctx context.Context) (map[int64]ledger.Spending, error)

	Deposit(ctx context.Context, project int64, amount ledger.Amount, reference, note string, at time.Time) (ledger.Transaction, error)
	Adjust(ctx context.Context, project int64, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error)
	Refund(ctx context.Context, request string, amount ledger.Amount, note string, at time.Time) (ledger.Transaction, error)

	statement.Books
	Receipt(ctx context.Context, request string) (ledger.Receipt, error)
	Receipts(ctx context.Context, q ledger.ReceiptQuery, limit int) ([]ledger.Receipt, error)
	Prices(ctx context.Context, task string) ([]ledger.PriceChange, error)
	Verify(ctx context.Context) (ledger.Report, error)
}

// Office does what an operator asks for.
type Office struct {
	Store Store
	// Catalogue is the tasks as they are now, for the names that keys are
	// scoped to; nil lets every name pass.
	Catalogue func() *task.Catalogue
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Random is what keys are drawn from; nil is the system's.
	Random io.Reader
	// Pause waits before a correction is tried again; nil waits 500 ms.
	Pause func(ctx context.Context) error
}

func (o *Office) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

func (o *Office) random() io.Reader {
	if o.Random != nil {
		return o.Random
	}
	return rand.Reader
}

func (o *Office) pause(ctx context.Context) error {
	if o.Pause != nil {
		return o.Pause(ctx)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(500 * time.Millisecond):
		return nil
	}
}

// Find gives the project of a name or a number. A text that is the one's name
// and the other's number is refused: money must not go astray.
func (o *Office) Find(ctx context.Context, text string) (apikey.Project, error) {
	all, err := o.Store.Projects(ctx)
	if err != nil {
		return apikey.Project{}, err
	}
	return find(all, text)
}

func find(all []apikey.Project, text string) (apikey.Project, error) {
	id, _ := strconv.ParseInt(text, 10, 64)
	var found []apikey.Project
	for _, p := range all {
		if p.Name == text || p.ID == id {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return apikey.Project{}, noProject(text)
	case 1:
		return found[0], nil
	}
	return apikey.Project{}, fault.BadParam("project", "%q is project %d's name and project %d's number: say the other of either.", text, found[0].ID, found[1].ID)
}

func noProject(text string) error {
	e := fault.New(fault.NotFound, "project_not_found", "There is no project %.64q. The list of projects shows those that there are.", text)
	e.Param = "project"
	return e
}

// CreateProject makes a project.
func (o *Office) CreateProject(ctx context.Context, name string, kind apikey.ProjectKind) (Project, error) {
	p := apikey.Project{Name: name, Kind: kind, Created: o.now().UTC()}
	if err := p.Check(); err != nil {
		return Project{}, fault.BadParam("name", "%s.", sentence(err))
	}
	made, err := o.Store.CreateProject(ctx, p)
	if code(err) == "already_exists" {
		e := fault.New(fault.Invalid, "project_exists", "There is a project %q already.", name)
		e.Param = "name"
		return Project{}, e
	}
	if err != nil {
		return Project{}, err
	}
	return projectOf(made, ledger.Balance{}, 0), nil
}

// Projects lists all projects with their balances, by number.
func (o *Office) Projects(ctx context.Context) ([]Project, error) {
	all, err := o.Store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	balances, err := o.Store.Balances(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := o.Store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	of, count := map[int64]ledger.Balance{}, map[int64]int{}
	for _, b := range balances {
		of[b.Project] = b
	}
	now := o.now()
	for _, k := range keys {
		if k.Valid(now) {
			count[k.Project]++
		}
	}
	list := make([]Project, 0, len(all))
	for _, p := range all {
		list = append(list, projectOf(p, of[p.ID], count[p.ID]))
	}
	return list, nil
}

// Project shows one project, by name or number.
func (o *Office) Project(ctx context.Context, text string) (Project, error) {
	p, err := o.Find(ctx, text)
	if err != nil {
		return Project{}, err
	}
	return o.project(ctx, p.ID)
}

func (o *Office) project(ctx context.Context, id int64) (Project, error) {
	all, err := o.Projects(ctx)
	if err != nil {
		return Project{}, err
	}
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
	}
	return Project{}, noProject(strconv.FormatInt(id, 10))
}

// Archive ends a project's use. Its keys are refused from then on, and its
// balance stays.
func (o *Office) Archive(ctx context.Context, text string) (Project, error) {
	p, err := o.Find(ctx, text)
	if err != nil {
		return Project{}, err
	}
	if !p.Archived.IsZero() {
		return o.project(ctx, p.ID) // as was asked for
	}
	if err := o.Store.ArchiveProject(ctx, p.ID, o.now()); err != nil {
		return Project{}, err
	}
	return o.project(ctx, p.ID)
}

// Deposit books a payment. One with a reference is booked once: again is true
// if it was booked before, and the transaction is that of then.
func (o *Office) Deposit(ctx context.Context, project string, amount ledger.Amount, reference, note string) (t Transaction, again bool, err error) {
	p, err := o.Find(ctx, project)
	if err != nil {
		return t, false, err
	}
	if amount <= 0 {
		return t, false, fault.BadParam("amount", "The amount is %v credits, want more than 0. To take something off, adjust the balance.", amount)
	}
	if err := texts(note, reference); err != nil {
		return t, false, err
	}
	if !p.Archived.IsZero() {
		return t, false, fault.New(fault.Invalid, "project_archived", "The project %s is archived: nobody could spend what is paid in.", p.Name)
	}
	now := o.now()
	booked, err := o.Store.Deposit(ctx, p.ID, amount, reference, note, now)
	if code(err) == "already_exists" {
		e := fault.Wrap(err, fault.Invalid, "reference_taken", "The reference %.80q is another payment's, of another amount or project.", reference)
		e.Param = "reference"
		return t, false, e
	}
	if err := overflows(err); err != nil {
		return t, false, err
	}
	return transactionOf(booked), !booked.At.Equal(now), nil
}

// Adjust corrects a balance by an amount, which may be below 0. It waits a
// while for what gateways have on lease and do not need.
func (o *Office) Adjust(ctx context.Context, project string, amount ledger.Amount, note string) (Transaction, error) {
	p, err := o.Find(ctx, project)
	if err != nil {
		return Transaction{}, err
	}
	switch {
	case amount == 0:
		return Transaction{}, fault.BadParam("amount", "The amount is 0: there is nothing to adjust.")
	case note == "":
		return Transaction{}, fault.BadParam("note", "An adjustment needs a note: say why.")
	}
	if err := texts(note, ""); err != nil {
		return Transaction{}, err
	}
	const tries = 8
	for try := 1; ; try++ {
		booked, err := o.Store.Adjust(ctx, p.ID, amount, note, o.now())
		if err == nil {
			return transactionOf(booked), nil
		}
		if code(err) != "insufficient_balance" {
			return Transaction{}, overflows(err)
		}
		now, balanceErr := o.project(ctx, p.ID)
		if balanceErr != nil {
			return Transaction{}, balanceErr
		}
		if try == tries || ledger.Amount(now.Balance) < -amount {
			return Transaction{}, fault.New(fault.Invalid, "insufficient_balance", "The project %s has %v credits, %v of them on lease to gateways that serve its customers: that does not cover %v.",
				p.Name, ledger.Amount(now.Balance), ledger.Amount(now.Leased), -amount)
		}
		if err := o.pause(ctx); err != nil {
			return Transaction{}, err
		}
	}
}

// Refund gives back a part of what a request was charged; an amount of 0 is all
// that was not refunded yet.
func (o *Office) Refund(ctx context.Context, request string, amount ledger.Amount, note string) (Transaction, error) {
	if amount < 0 {
		return Transaction{}, fault.BadParam("amount", "The amount is %v credits, want more than 0.", amount)
	}
	if err := texts(note, ""); err != nil {
		return Transaction{}, err
	}
	r, err := o.Store.Receipt(ctx, request)
	if err != nil {
		return Transaction{}, noReceipt(err, request)
	}
	refunded, err := o.refunded(ctx, &r)
	if err != nil {
		return Transaction{}, err
	}
	left := r.Charged - refunded
	if amount == 0 {
		amount = left
	}
	if amount > left || amount == 0 {
		return Transaction{}, exceeds(&r, refunded)
	}
	booked, err := o.Store.Refund(ctx, request, amount, note, o.now())
	if code(err) == "insufficient_balance" { // somebody else refunded it at the same moment
		if refunded, err = o.refunded(ctx, &r); err != nil {
			return Transaction{}, err
		}
		return Transaction{}, exceeds(&r, refunded)
	}
	if err := overflows(err); err != nil {
		return Transaction{}, err
	}
	return transactionOf(booked), nil
}

func exceeds(r *ledger.Receipt, refunded ledger.Amount) error {
	e := fault.New(fault.Invalid, "over_refund", "The request was charged %v credits, of which %v are refunded already: no more than the rest can be.", r.Charged, refunded)
	e.Param = "amount"
	return e
}

func noReceipt(err error, request string) error {
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	e := fault.New(fault.NotFound, "receipt_not_found", "The request %.80q has no receipt: it failed, or there was none. A receipt may take a second to show.", request)
	e.Param = "request"
	return e
}

// refunded is what of a receipt's charge was given back.
func (o *Office) refunded(ctx context.Context, r *ledger.Receipt) (sum ledger.Amount, err error) {
	err = o.EachTransaction(ctx, ledger.TransactionQuery{Project: r.Project, Kinds: []ledger.Kind{ledger.Refund}, From: r.At}, func(t *ledger.Transaction) error {
		if t.Request == r.Request {
			sum, err = sum.Add(t.Amount)
		}
		return err
	})
	return sum, err
}

// texts checks the length of what people write beside a transaction.
func texts(note, reference string) error {
	for param, text := range map[string]string{"note": note, "reference": reference} {
		if len(text) > ledger.MaxText {
			return fault.BadParam(param, "The %s has %d bytes, want at most %d.", param, len(text), ledger.MaxText)
		}
	}
	return nil
}

// overflows gives an error of amounts that are too large as a mistake of whoever asked.
func overflows(err error) error {
	if errors.Is(err, ledger.ErrOverflow) {
		return fault.Wrap(err, fault.Invalid, "amount_too_large", "The balance would be larger than any can be.")
	}
	return err
}

// code is the code of an error, "" if it has none.
func code(err error) string {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// sentence begins an error's text with a capital letter.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

// Statement is a project's statement for a month, such as 2026-11; "" is the
// month that runs.
func (o *Office) Statement(ctx context.Context, project, month string) (*statement.Statement, error) {
	now := o.now()
	at := now
	if month != "" {
		var err error
		if at, err = time.Parse("2006-01", month); err != nil {
			return nil, fault.BadParam("month", "The month is %.20q, want one such as 2026-11.", month)
		}
	}
	p, err := o.Find(ctx, project)
	if err != nil {
		return nil, err
	}
	s, err := statement.Compose(ctx, o.Store, p, at, now)
	if err != nil {
		return nil, fmt.Errorf("the statement of %s: %w", p.Name, err)
	}
	return s, nil
}
