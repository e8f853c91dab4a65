package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"vision/internal/admin"
)

// addQuery adds the flags that choose records.
func addQuery(flags *flag.FlagSet) *admin.Query {
	q := &admin.Query{}
	flags.StringVar(&q.Project, "project", "", "a project, by name or number")
	flags.Int64Var(&q.Key, "key", 0, "a key's number")
	flags.StringVar(&q.From, "from", "", "first day (UTC), such as 2026-11-01")
	flags.StringVar(&q.To, "to", "", "the day after the last")
	return q
}

func runUsage(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	q := addQuery(flags)
	flags.StringVar(&q.Task, "task", "", "a task")
	flags.StringVar(&q.By, "by", "project,task,day", "what is told apart: a list of project, key, task and day")
	asJSON := flags.Bool("json", false, "print JSON")
	asCSV := flags.Bool("csv", false, "print comma-separated values")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if *asJSON && *asCSV {
		return usagef("say --json or --csv, not both")
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		report, err := o.Usage(ctx, *q)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return printJSON(t.out, report)
		case *asCSV:
			return report.CSV(t.out)
		}
		return printUsage(t.out, report)
	})
}

func printUsage(out io.Writer, report admin.UsageReport) error {
	if len(report.Data) == 0 {
		_, err := fmt.Fprintf(out, "Nothing was used from %s until before %s (UTC).\n", report.From, report.To)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := []string{}
	for part := range strings.SplitSeq(report.By, ",") {
		head = append(head, strings.ToUpper(strings.TrimSpace(part)))
	}
	fmt.Fprintln(w, strings.Join(head, "\t")+"\tREQUESTS\tPARTIAL\tPROMPT\tUNITS\t\tLIST PRICE\tCHARGED\t")
	var cost, charged, requests int64
	for _, u := range report.Data {
		for _, name := range head {
			switch name {
			case "PROJECT":
				fmt.Fprintf(w, "%s\t", u.Project)
			case "KEY":
				fmt.Fprintf(w, "%d\t", u.Key)
			case "TASK":
				fmt.Fprintf(w, "%s\t", u.Task)
			case "DAY":
				fmt.Fprintf(w, "%s\t", u.Day)
			}
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%ss\t%s\t%s\t\n", u.Requests, u.Partial, u.Prompt, u.Units, u.Unit, shown(u.Cost), shown(u.Charged))
		cost, charged, requests = cost+u.Cost, charged+u.Charged, requests+u.Requests
	}
	fmt.Fprintf(w, "%sTotal\t%d\t\t\t\t\t%s\t%s\t\n", strings.Repeat("\t", len(head)-1), requests, shown(cost), shown(charged))
	return w.Flush()
}

func runReceipts(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	q := addQuery(flags)
	asJSON := flags.Bool("json", false, "print JSON, a receipt a line")
	asCSV := flags.Bool("csv", false, "print comma-separated values")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	switch {
	case *asJSON && *asCSV:
		return usagef("say --json or --csv, not both")
	case q.Project == "":
		return usagef("say --project: whose receipts?")
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		if *asCSV {
			return o.ReceiptsCSV(ctx, *q, t.out)
		}
		if *asJSON {
			return o.EachReceipt(ctx, *q, func(r admin.Receipt) error { return printLine(t.out, r) })
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TIME\tREQUEST\tKEY\tTASK\tCLASS\tPROMPT\tUNITS\t\tLIST PRICE\tCHARGED")
		err := o.EachReceipt(ctx, *q, func(r admin.Receipt) error {
			_, err := fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%d\t%ss\t%s\t%s\n", at(r.At), r.Request, r.Key, r.Task, r.Class, r.Prompt, r.Units, r.Unit, shown(r.Cost), shown(r.Charged))
			return err
		})
		return errors.Join(err, w.Flush())
	})
}

func runStatement(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	project := flags.String("project", "", "whose, by name or number")
	month := flags.String("month", "", "which, such as 2026-11; without it the one that runs (UTC)")
	asHTML := flags.Bool("html", false, "print a page for browsers and printers")
	asText := flags.Bool("text", false, "print text; the default")
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	chosen := 0
	for _, flag := range []bool{*asHTML, *asText, *asJSON} {
		if flag {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return usagef("say one of --html, --text and --json")
	case *project == "":
		return usagef("say --project: whose statement?")
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		s, err := o.Statement(ctx, *project, *month)
		switch {
		case err != nil:
			return err
		case *asHTML:
			return s.HTML(t.out)
		case *asJSON:
			return printJSON(t.out, admin.StatementOf(s))
		}
		return s.Text(t.out)
	})
}

func runPrices(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	task := flags.String("task", "", "a task; without it all")
	history := flags.Bool("history", false, "with those that were")
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		all, err := o.Prices(ctx, *task)
		if err != nil {
			return err
		}
		list := []admin.Price{}
		for _, p := range all {
			if p.Now || *history {
				list = append(list, p)
			}
		}
		if *asJSON {
			return printJSON(t.out, list)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TASK\tSINCE\tCREDITS A MILLION PROMPT TOKENS\tCREDITS A MILLION UNITS")
		for _, p := range list { // micro-credits a thousand are a thousandth of credits a million
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Task, p.Since.Local().Format(time.DateTime), shown(p.Prompt*1000), shown(p.Output*1000))
		}
		return w.Flush()
	})
}

func ledgerVerify(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		v, err := o.Verify(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(t.out, v)
		} else {
			fmt.Fprintf(t.out, "%d transactions, %d accounts, %d receipts. Paid in %s, earned %s, made up for by the operator %s credits. All balances together: %s.\n",
				v.Transactions, v.Accounts, v.Receipts, shown(v.Deposited), shown(v.Earned), shown(v.Covered), shown(v.Total))
			for _, p := range v.Problems {
				fmt.Fprintf(t.out, "%s: %s\n", p.Code, p.Text)
			}
			if v.OK {
				fmt.Fprintln(t.out, "The books are in order.")
			}
		}
		if err == nil && !v.OK {
			err = fmt.Errorf("the books are not in order: %d problems", len(v.Problems))
		}
		return err
	})
}
