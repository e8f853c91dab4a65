package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"vision/internal/admin"
	"vision/internal/config"
	"vision/internal/devnet"
	"vision/internal/ledger"
	"vision/internal/task"
)

// credits is a flag's amount: credits with up to 6 decimals.
type credits ledger.Amount

func (c *credits) String() string {
	if c == nil || *c == 0 {
		return ""
	}
	return ledger.Amount(*c).String()
}

func (c *credits) Set(text string) error {
	a, err := ledger.ParseAmount(text)
	*c = credits(a)
	return err
}

// shown is micro-credits as credits.
func shown(micro int64) string { return ledger.Amount(micro).String() }

// office opens the database that a command is about. The caller closes it.
func (d dataFlags) office(ctx context.Context, readOnly bool) (*admin.Office, io.Closer, error) {
	data, file, err := d.folder()
	if err != nil {
		return nil, nil, err
	}
	o := &admin.Office{}
	if file == "" {
		if _, err := os.Stat(devnet.CatalogueFile(data)); err == nil {
			file = devnet.CatalogueFile(data)
		}
	}
	if file != "" || *d.config != "" { // else nobody knows the catalogue
		catalogue, err := config.LoadCatalogue(file)
		if err != nil {
			return nil, nil, err
		}
		o.Catalogue = func() *task.Catalogue { return catalogue }
	}
	st, err := openStore(ctx, data, readOnly)
	if err != nil {
		return nil, nil, err
	}
	o.Store = st
	return o, st, nil
}

// printJSON prints a value for programs.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printLine prints a value on a line of its own.
func printLine(out io.Writer, v any) error { return json.NewEncoder(out).Encode(v) }

// inOffice runs f on the database that a command is about, and closes it.
func (d dataFlags) inOffice(ctx context.Context, readOnly bool, f func(*admin.Office) error) error {
	o, st, err := d.office(ctx, readOnly)
	if err != nil {
		return err
	}
	return errors.Join(f(o), st.Close())
}

// at shows a time to people, in theirs.
func at(t time.Time) string { return t.Local().Format(time.DateTime) }

// maybeAt shows a time that may not be.
func maybeAt(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return at(*t)
}

// noLimit shows a limit of which 0 is none.
func noLimit(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func deposited(out io.Writer, t admin.Transaction, again bool, p admin.Project) {
	if again {
		fmt.Fprintf(out, "The payment %q was booked before, as transaction %d, at %s: nothing was booked now.\n", t.Reference, t.ID, at(t.At))
	} else {
		fmt.Fprintf(out, "Transaction %d: %s credits paid in.\n", t.ID, shown(t.Amount))
	}
	fmt.Fprintf(out, "The project %s has %s credits.\n", p.Name, shown(p.Balance))
}

func depositRun(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	reference := flags.String("reference", "", "the payment's name where it came from; a second deposit with one is not booked")
	note := flags.String("note", "", "for people")
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, negative(args), 2, 2)
	if err != nil {
		return err
	}
	if strings.HasPrefix(rest[1], by) {
		return usagef("a deposit is above 0; `vision project adjust` takes credits off")
	}
	amount, err := ledger.ParseAmount(rest[1])
	if err != nil {
		return usagef("%v", err)
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		booked, again, err := o.Deposit(ctx, rest[0], amount, *reference, *note)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, booked)
		}
		p, err := o.Project(ctx, rest[0])
		if err != nil {
			return err
		}
		deposited(t.out, booked, again, p)
		return nil
	})
}

func adjustRun(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	note := flags.String("note", "", "why; needed")
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, negative(args), 2, 2)
	if err != nil {
		return err
	}
	amount, err := ledger.ParseAmount(strings.TrimPrefix(strings.TrimPrefix(rest[1], by), "+"))
	if err != nil {
		return usagef("%v", err)
	}
	if *note == "" {
		return usagef("an adjustment needs --note: say why")
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		booked, err := o.Adjust(ctx, rest[0], amount, *note)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, booked)
		}
		p, err := o.Project(ctx, rest[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "Transaction %d: adjusted by %v credits.\nThe project %s has %s credits.\n", booked.ID, amount, p.Name, shown(p.Balance))
		return nil
	})
}

// by marks an amount below 0, which would be taken for a flag.
const by = "by:"

// negative marks amounts below 0 among arguments.
func negative(args []string) []string {
	marked := make([]string, len(args))
	for i, a := range args {
		marked[i] = a
		if len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9' && (i == 0 || !strings.HasPrefix(args[i-1], "-")) {
			marked[i] = by + a
		}
	}
	return marked
}

func refundRun(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	var amount credits
	flags.Var(&amount, "amount", "how many `CREDITS`; without it all that the request was charged and not refunded yet")
	note := flags.String("note", "", "why, for people")
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	if amount < 0 {
		return usagef("--amount is %v, want more than 0", ledger.Amount(amount))
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		booked, err := o.Refund(ctx, rest[0], ledger.Amount(amount), *note)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, booked)
		}
		fmt.Fprintf(t.out, "Transaction %d: %s credits refunded to project %d.\n", booked.ID, shown(booked.Amount), booked.ProjectID)
		return nil
	})
}
