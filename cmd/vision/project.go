package main

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"

	"vision/internal/admin"
	"vision/internal/apikey"
)

func projectCreate(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	kindName := flags.String("kind", "prepaid", "prepaid (it pays from its balance) or free (it is charged nothing)")
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	kind, err := apikey.ParseProjectKind(*kindName)
	if err != nil {
		return usagef("%v", err)
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		p, err := o.CreateProject(ctx, rest[0], kind)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, p)
		}
		fmt.Fprintf(t.out, "Project %d, %s, is %s.\n", p.ID, p.Name, p.Kind)
		return nil
	})
}

func projectList(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		all, err := o.Projects(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, all)
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tKIND\tBALANCE\tKEYS\tCREATED\tARCHIVED")
		for _, p := range all {
			balance := "-"
			if p.Kind == apikey.Prepaid.String() || p.Balance != 0 {
				balance = shown(p.Balance)
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\n", p.ID, p.Name, p.Kind, balance, p.Keys, at(p.Created), maybeAt(p.Archived))
		}
		return w.Flush()
	})
}

func projectShow(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		p, err := o.Project(ctx, rest[0])
		if err != nil {
			return err
		}
		keys, err := o.Keys(ctx, rest[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, p)
		}
		fmt.Fprintf(t.out, "Project %d, %s, is %s. Made %s.\n", p.ID, p.Name, p.Kind, at(p.Created))
		if p.Archived != nil {
			fmt.Fprintf(t.out, "Archived %s: its keys are refused.\n", maybeAt(p.Archived))
		}
		fmt.Fprintf(t.out, "Balance: %s credits, of which gateways have %s on lease.\n\n", shown(p.Balance), shown(p.Leased))
		return printKeys(t.out, keys)
	})
}

func projectArchive(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		p, err := o.Archive(ctx, rest[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, p)
		}
		fmt.Fprintf(t.out, "Project %d, %s, is archived: its %d keys stop working within a second. Its balance of %s credits stays.\n", p.ID, p.Name, p.Keys, shown(p.Balance))
		return nil
	})
}
