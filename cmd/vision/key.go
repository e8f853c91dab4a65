package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"vision/internal/admin"
	"vision/internal/config"
	"vision/internal/fault"
	"vision/internal/node"
	"vision/internal/statement"
	"vision/internal/store"
	"vision/internal/store/sqlite"
)

// dataFlags say which validator's database a command is about.
type dataFlags struct{ data, config *string }

func addDataFlags(flags *flag.FlagSet) dataFlags {
	return dataFlags{
		data:   flags.String("data", "", "the validator's data folder, or a devnet's"),
		config: flags.String("config", "", "the validator's configuration file, which names the data folder"),
	}
}

// folder is the data folder, and the catalogue in force there.
func (d dataFlags) folder() (data, catalogue string, err error) {
	switch {
	case *d.data != "" && *d.config != "":
		return "", "", usagef("say --data or --config, not both")
	case *d.config != "":
		c := node.ValidatorDefaults()
		if err := config.Load(*d.config, &c); err != nil {
			return "", "", err
		}
		return c.Data, c.Catalogue, nil
	case *d.data != "":
		return *d.data, "", nil
	}
	return "", "", usagef("say --data DIR or --config FILE: which validator is it about?")
}

// orElse says whether exactly one place is named: by these flags, or by others, whose value is empty if they are not given.
func (d dataFlags) orElse(others, value string) error {
	here := *d.data != "" || *d.config != ""
	switch {
	case here && value != "":
		return usagef("say --data or --config, or %s, not both", others)
	case !here && value == "":
		return usagef("say --data DIR, --config FILE or %s: which validator is it about?", others)
	}
	return nil
}

func openStore(ctx context.Context, data string, readOnly bool) (store.Store, error) {
	file := node.DatabaseFile(data)
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("there is no validator's database in %s: %w; a validator makes it at its first start", data, err)
	}
	return sqlite.Open(ctx, file, sqlite.Options{ReadOnly: readOnly})
}

func keyCreate(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	var r admin.KeyRequest
	flags.StringVar(&r.Project, "project", "", "who pays, by name or number; without it the default project, which is free")
	flags.StringVar(&r.Name, "name", "", "what the key is for")
	tasks := flags.String("tasks", "", "tasks that it may use, separated by commas; without it all")
	expires := flags.String("expires", "", "when it stops working: a day (2026-12-31, to its end in UTC), an instant (2026-12-31T12:00:00Z) or a time from now (720h, 30d)")
	flags.IntVar(&r.PerMinute, "per-minute", 0, "requests a minute that it may make; 0 is no limit")
	flags.Int64Var(&r.TokensPerMinute, "tokens-per-minute", 0, "tokens a minute, prompt and output; 0 is no limit")
	flags.IntVar(&r.Concurrent, "concurrent", 0, "requests that may be under way at once; 0 is no limit")
	flags.Var((*credits)(&r.SpendLimit), "spend-limit", "`CREDITS` that it may spend in all; 0 is no limit")
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	for name, n := range map[string]int64{"per-minute": int64(r.PerMinute), "tokens-per-minute": r.TokensPerMinute, "concurrent": int64(r.Concurrent)} {
		if n < 0 {
			return usagef("--%s is %d, want 0 or more", name, n)
		}
	}
	if *tasks != "" {
		for name := range strings.SplitSeq(*tasks, ",") {
			r.Tasks = append(r.Tasks, strings.TrimSpace(name))
		}
	}
	var err error
	if r.Expires, err = instant(*expires, time.Now()); err != nil {
		return usagef("--expires: %v", err)
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		k, err := o.CreateKey(ctx, r)
		return made(t, k, *asJSON, err)
	})
}

// made shows a key that was made, this once.
func made(t terminal, k admin.Key, asJSON bool, err error) error {
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(t.out).Encode(k)
	}
	fmt.Fprintf(t.out, "%s\nThis is key %d. It is shown this once: keep it. It works within a second.\n", k.Key, k.ID)
	return nil
}

// instant reads a time to come: "" is never.
func instant(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.Parse(time.DateOnly, text); err == nil {
		return d.AddDate(0, 0, 1), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if d, err := span(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no day (2026-12-31), instant (2026-12-31T12:00:00Z) or time from now (720h, 30d)", text)
}

// span reads a duration, which may be in days.
func span(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return 0, fmt.Errorf("%q is no number of days", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}

func keyList(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	project := flags.String("project", "", "only this project's keys")
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		keys, err := o.Keys(ctx, *project)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(t.out).Encode(keys)
		}
		return printKeys(t.out, keys)
	})
}

func printKeys(out io.Writer, keys []admin.Key) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tKEY\tPROJECT\tSTATE\tPER MINUTE\tTOKENS\tAT ONCE\tSPENT\tOF\tTASKS\tCREATED\tEXPIRES\tREVOKED")
	for _, k := range keys {
		tasks, spent, limit := "all", shown(k.Spent), "-"
		if len(k.Tasks) > 0 {
			tasks = strings.Join(k.Tasks, ",")
		}
		if k.SpendLimit > 0 {
			limit = shown(k.SpendLimit)
		}
		fmt.Fprintf(w, "%d\t%s\tsk-…%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, statement.OneLine(k.Name), k.Hint, k.Project, k.State, noLimit(int64(k.PerMinute)),
			noLimit(k.TokensPerMinute), noLimit(int64(k.Concurrent)), spent, limit, tasks, at(k.Created), maybeAt(k.Expires), maybeAt(k.Revoked))
	}
	return w.Flush()
}

// keyNumber is the key that the only argument names.
func keyNumber(flags *flag.FlagSet, args []string) (int64, error) {
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(rest[0], 10, 64)
	if err != nil {
		return 0, usagef("%q is not a key's number; `vision key list` shows them", rest[0])
	}
	return id, nil
}

func keyShow(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	id, err := keyNumber(flags, args)
	if err != nil {
		return err
	}
	return where.inOffice(ctx, true, func(o *admin.Office) error {
		k, err := o.Key(ctx, id)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(t.out, k)
		}
		return printKeys(t.out, []admin.Key{k})
	})
}

func keyRevoke(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	id, err := keyNumber(flags, args)
	if err != nil {
		return err
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		k, err := o.RevokeKey(ctx, id)
		if fault.KindOf(err) == fault.NotFound {
			return fmt.Errorf("there is no key %d that works; `vision key list` shows them", id)
		}
		if err != nil {
			return fmt.Errorf("revoke key %d: %w", id, err)
		}
		if *asJSON {
			return printJSON(t.out, k)
		}
		fmt.Fprintf(t.out, "Key %d is revoked; it stops working within a second.\n", id)
		return nil
	})
}

func keyRotate(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	graceText := flags.String("grace", "0s", "how long the old key goes on working: 24h, 7d")
	asJSON := flags.Bool("json", false, "print JSON")
	id, err := keyNumber(flags, args)
	if err != nil {
		return err
	}
	grace, err := span(*graceText)
	if err != nil || grace < 0 || grace > admin.MaxGrace {
		return usagef("--grace is %q, want 0s to %dd", *graceText, admin.MaxGrace/(24*time.Hour))
	}
	return where.inOffice(ctx, false, func(o *admin.Office) error {
		k, err := o.RotateKey(ctx, id, grace)
		if err := made(t, k, *asJSON, err); err != nil || *asJSON {
			return err
		}
		if grace == 0 {
			fmt.Fprintf(t.out, "Key %d is revoked; it stops working within a second.\n", id)
		} else {
			fmt.Fprintf(t.out, "Key %d works until %s.\n", id, at(time.Now().Add(grace)))
		}
		return nil
	})
}
