package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"vision/internal/apikey"
	"vision/internal/config"
	"vision/internal/node"
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

func openStore(ctx context.Context, data string, readOnly bool) (store.Store, error) {
	file := node.DatabaseFile(data)
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("there is no validator's database in %s: %w; a validator makes it at its first start", data, err)
	}
	return sqlite.Open(ctx, file, sqlite.Options{ReadOnly: readOnly})
}

func keyCreate(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	name := flags.String("name", "", "what the key is for")
	perMinute := flags.Int("per-minute", 0, "requests a minute that it may make; 0 is no limit")
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if *perMinute < 0 {
		return usagef("--per-minute is %d, want 0 or more", *perMinute)
	}
	data, _, err := where.folder()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, data, false)
	if err != nil {
		return err
	}
	defer st.Close()
	text, err := apikey.Generate(rand.Reader)
	if err != nil {
		return err
	}
	k, err := st.CreateKey(ctx, apikey.Key{
		Name: *name, Hash: apikey.HashOf(text), Hint: text[len(text)-4:], PerMinute: *perMinute, Created: time.Now(),
	})
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(t.out).Encode(map[string]any{"id": k.ID, "name": k.Name, "key": text, "per_minute": k.PerMinute})
	}
	fmt.Fprintf(t.out, "%s\nThis is key %d. It is shown this once: keep it. It works within a second.\n", text, k.ID)
	return nil
}

func keyList(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	data, _, err := where.folder()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, data, true)
	if err != nil {
		return err
	}
	defer st.Close()
	keys, err := st.Keys(ctx)
	if err != nil {
		return err
	}
	type row struct {
		ID        int64      `json:"id"`
		Name      string     `json:"name"`
		Hint      string     `json:"hint"`
		PerMinute int        `json:"per_minute"`
		Created   time.Time  `json:"created"`
		Revoked   *time.Time `json:"revoked,omitempty"`
	}
	rows := []row{}
	for _, k := range keys {
		r := row{ID: k.ID, Name: k.Name, Hint: k.Hint, PerMinute: k.PerMinute, Created: k.Created}
		if !k.Revoked.IsZero() {
			r.Revoked = &k.Revoked
		}
		rows = append(rows, r)
	}
	if *asJSON {
		return json.NewEncoder(t.out).Encode(rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tKEY\tPER MINUTE\tCREATED\tREVOKED")
	for _, r := range rows {
		limit, revoked := "no limit", "-"
		if r.PerMinute > 0 {
			limit = strconv.Itoa(r.PerMinute)
		}
		if r.Revoked != nil {
			revoked = r.Revoked.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%d\t%s\tsk-…%s\t%s\t%s\t%s\n", r.ID, r.Name, r.Hint, limit, r.Created.Local().Format(time.DateTime), revoked)
	}
	return w.Flush()
}

func keyRevoke(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	where := addDataFlags(flags)
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(rest[0], 10, 64)
	if err != nil {
		return usagef("%q is not a key's number; `vision key list` shows them", rest[0])
	}
	data, _, err := where.folder()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, data, false)
	if err != nil {
		return err
	}
	defer st.Close()
	err = st.RevokeKey(ctx, id, time.Now())
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no key %d that works; `vision key list` shows them", id)
	}
	if err != nil {
		return fmt.Errorf("revoke key %d: %w", id, err)
	}
	fmt.Fprintf(t.out, "Key %d is revoked; it stops working within a second.\n", id)
	return nil
}
