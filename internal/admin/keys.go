package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
	"vision/internal/typo"
)

// KeyRequest is a key to make. Zero limits are none.
type KeyRequest struct {
	Project         string // name or number; "" is the default project, which is free
	Name            string
	Tasks           []string // that it may use; none is all
	PerMinute       int
	TokensPerMinute int64
	Concurrent      int
	SpendLimit      ledger.Amount
	Expires         time.Time // zero: never
}

// CreateKey makes a key. Its text is in the answer, and nowhere else.
func (o *Office) CreateKey(ctx context.Context, r KeyRequest) (Key, error) {
	p, err := o.payer(ctx, r.Project)
	if err != nil {
		return Key{}, err
	}
	now := o.now().UTC()
	if !r.Expires.IsZero() && !r.Expires.After(now) {
		return Key{}, fault.BadParam("expires", "The key would expire at %s, which is past.", r.Expires.UTC().Format(time.RFC3339))
	}
	if r.Expires.Year() > 2200 {
		return Key{}, fault.BadParam("expires", "The key would expire in the year %d, want 2200 at most, or never.", r.Expires.Year())
	}
	if err := o.known(r.Tasks); err != nil {
		return Key{}, err
	}
	text, err := apikey.Generate(o.random())
	if err != nil {
		return Key{}, err
	}
	k := apikey.Key{Project: p.ID, Name: r.Name, Hash: apikey.HashOf(text), Hint: apikey.Hint(text), Tasks: apikey.ScopeOf(r.Tasks...),
		PerMinute: r.PerMinute, TokensPerMinute: r.TokensPerMinute, Concurrent: r.Concurrent, SpendLimit: r.SpendLimit, Created: now, Expires: r.Expires}
	if err := k.Check(); err != nil {
		return Key{}, fault.New(fault.Invalid, "invalid_key", "%s.", sentence(err))
	}
	if k, err = o.Store.CreateKey(ctx, k); err != nil {
		return Key{}, err
	}
	made := keyOf(&k, p.Name, ledger.Spending{}, now)
	made.Key = text
	return made, nil
}

// payer is the project of a name or number; "" is the default one.
func (o *Office) payer(ctx context.Context, text string) (apikey.Project, error) {
	all, err := o.Store.Projects(ctx)
	if err != nil {
		return apikey.Project{}, err
	}
	if text != "" {
		return find(all, text)
	}
	for _, p := range all {
		if p.ID == apikey.DefaultProject {
			return p, nil
		}
	}
	return apikey.Project{}, noProject("default")
}

// known checks the names of tasks.
func (o *Office) known(tasks []string) error {
	for _, name := range tasks {
		if strings.Contains(name, ",") || name == "" {
			return fault.BadParam("tasks", "%.80q is not a task's name.", name)
		}
		if o.Catalogue == nil {
			continue
		}
		var names []string
		for _, t := range o.Catalogue().Tasks() {
			names = append(names, t.Name)
		}
		if slices.Contains(names, name) {
			continue
		}
		if near := typo.Nearest(name, names, 3); near != "" {
			return fault.BadParam("tasks", "There is no task %.80q. Did you mean %s?", name, near)
		}
		return fault.BadParam("tasks", "There is no task %.80q in the catalogue.", name)
	}
	return nil
}

// Keys lists keys, by number; project is a name or number, "" for all.
func (o *Office) Keys(ctx context.Context, project string) ([]Key, error) {
	projects, err := o.Store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	var only int64
	if project != "" {
		p, err := find(projects, project)
		if err != nil {
			return nil, err
		}
		only = p.ID
	}
	names := map[int64]string{}
	for _, p := range projects {
		names[p.ID] = p.Name
	}
	all, err := o.Store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	spending, err := o.Store.Spending(ctx)
	if err != nil {
		return nil, err
	}
	now := o.now()
	list := []Key{}
	for i := range all {
		if only == 0 || all[i].Project == only {
			list = append(list, keyOf(&all[i], names[all[i].Project], spending[all[i].Root], now))
		}
	}
	return list, nil
}

// Key shows one key.
func (o *Office) Key(ctx context.Context, id int64) (Key, error) {
	all, err := o.Keys(ctx, "")
	if err != nil {
		return Key{}, err
	}
	for _, k := range all {
		if k.ID == id {
			return k, nil
		}
	}
	return Key{}, noKey(id, "no key %d")
}

func noKey(id int64, what string) error {
	e := fault.New(fault.NotFound, "key_not_found", "There is "+what+". The list of keys shows those that there are.", id)
	e.Param = "key"
	return e
}

// RevokeKey stops a key from working, within a second.
func (o *Office) RevokeKey(ctx context.Context, id int64) (Key, error) {
	if err := o.Store.RevokeKey(ctx, id, o.now()); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return Key{}, noKey(id, "no key %d that works")
		}
		return Key{}, err
	}
	return o.Key(ctx, id)
}

// MaxGrace is the longest that a rotated key may go on working.
const MaxGrace = 90 * 24 * time.Hour

// RotateKey makes a key in the place of another, which goes on working for the
// grace. It may do the same, and shares limits and allowance with the other.
func (o *Office) RotateKey(ctx context.Context, id int64, grace time.Duration) (Key, error) {
	if grace < 0 || grace > MaxGrace {
		return Key{}, fault.BadParam("grace", "The grace is %v, want 0 to %v.", grace, MaxGrace)
	}
	all, err := o.Store.Keys(ctx)
	if err != nil {
		return Key{}, err
	}
	now := o.now().UTC()
	for i := range all {
		old := &all[i]
		if old.ID != id {
			continue
		}
		if !old.Valid(now) {
			return Key{}, noKey(id, "no key %d that works")
		}
		if !old.Revoked.IsZero() {
			return Key{}, fault.New(fault.Invalid, "key_rotated", "Key %d was rotated already, and works until %s: rotate the key that took its place.", id, old.Revoked.UTC().Format(time.RFC3339))
		}
		next, text, err := old.Next(o.random(), now)
		if err != nil {
			return Key{}, err
		}
		shown, err := o.Key(ctx, id)
		if err != nil {
			return Key{}, err
		}
		if next, err = o.Store.RotateKey(ctx, next, now.Add(grace)); err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return Key{}, noKey(id, "no key %d that works")
			}
			return Key{}, err
		}
		made := keyOf(&next, shown.Project, ledger.Spending{Spent: ledger.Amount(shown.Spent)}, now)
		made.Key = text
		return made, nil
	}
	return Key{}, noKey(id, "no key %d")
}
