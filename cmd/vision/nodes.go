package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"vision/internal/config"
	"vision/internal/node"
	"vision/internal/obs"
)

// open gets what a node is built on, its log to standard error among it.
func open(t terminal, c node.Common) (node.Parts, error) {
	log, err := obs.NewLogger(t.err, c.Log.Level, c.Log.Format)
	if err != nil {
		return node.Parts{}, err
	}
	return node.Open(c, log)
}

// load reads a node's configuration, and says how to come by one.
func load(kind, file string, into any) error {
	err := config.Load(file, into)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; `vision init %s` writes one, --config names it", err, kind)
	}
	return err
}

// warn logs what of a node's configuration is no mistake and will hardly be meant.
func warn(parts node.Parts, c interface{ Warnings() []string }) {
	for _, w := range c.Warnings() {
		parts.Log.Warn("the configuration may not say what is meant", "warning", w)
	}
}

// given says whether a flag was set, to whatever value.
func given(flags *flag.FlagSet, name string) bool {
	found := false
	flags.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

func runMiner(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	file := flags.String("config", "miner.yaml", "the configuration file")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	hangups := hangups()
	c := node.MinerDefaults()
	if err := load("miner", *file, &c); err != nil {
		return err
	}
	parts, err := open(t, c.Common)
	if err != nil {
		return err
	}
	warn(parts, &c)
	m, err := node.NewMiner(ctx, c, parts)
	if err != nil {
		return err
	}
	go heed(ctx, hangups, *file, parts.Log, func() (string, error) {
		fresh := node.MinerDefaults()
		if err := config.Load(*file, &fresh); err != nil {
			return "", err
		}
		if err := m.Reload(c, fresh); err != nil {
			return "", err
		}
		c = fresh
		warn(parts, &c)
		return "configuration reloaded", nil
	})
	return m.Run(ctx, func() { parts.Log.Info("miner is ready", "hotkey", m.Hotkey().String(), "listen", m.Addr()) })
}

func runValidator(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	file := flags.String("config", "validator.yaml", "the configuration file")
	roles := flags.String("roles", "", "what this process does, in place of the file's roles: gateway,scorer,checker")
	ops := flags.String("ops", "", "where health and metrics are served, in place of the file's ops: each process needs its own; \"\" for nowhere")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	hangups := hangups()
	read := func() (node.ValidatorConfig, error) {
		c := node.ValidatorDefaults()
		err := load("validator", *file, &c)
		if given(flags, "ops") {
			c.Ops = *ops
		}
		if *roles != "" {
			c.Roles = strings.Split(*roles, ",")
		}
		return c, err
	}
	c, err := read()
	if err != nil {
		return err
	}
	parts, err := open(t, c.Common)
	if err != nil {
		return err
	}
	warn(parts, &c)
	v, err := node.NewValidator(ctx, c, parts)
	if err != nil {
		return err
	}
	go heed(ctx, hangups, *file, parts.Log, func() (string, error) {
		fresh, err := read()
		never := fresh.Scorer.NeverLearnFrom // which changes without a restart
		fresh.Scorer.NeverLearnFrom = c.Scorer.NeverLearnFrom
		what, err := unchanged(err, c, fresh, fresh.Catalogue)
		if err == nil && c.Scorer.LearnFromCustomers {
			v.NeverLearnFrom(never)
		}
		if err == nil && c.Scorer.Corpus != "" {
			if err = v.ReloadCorpus(); err == nil {
				what += "; the corpus is read again"
			}
		}
		return what, err
	})
	return v.Run(ctx, func() {
		parts.Log.Info("validator is ready", "hotkey", v.Hotkey().String(), "roles", strings.Join(c.Roles, ","), "api", v.Customers(), "admin", v.Admin())
	})
}

func runChecker(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	file := flags.String("config", "checker.yaml", "the configuration file")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	hangups := hangups()
	c := node.CheckerDefaults()
	if err := load("checker", *file, &c); err != nil {
		return err
	}
	parts, err := open(t, c.Common)
	if err != nil {
		return err
	}
	warn(parts, &c)
	k, err := node.NewChecker(ctx, c, parts)
	if err != nil {
		return err
	}
	go heed(ctx, hangups, *file, parts.Log, func() (string, error) {
		fresh := node.CheckerDefaults()
		err := load("checker", *file, &fresh)
		return unchanged(err, c, fresh, fresh.Catalogue)
	})
	return k.Run(ctx, func() { parts.Log.Info("checker is ready", "hotkey", parts.Key.ID().String(), "listen", k.Addr()) })
}

// unchanged is what a SIGHUP comes to where only the catalogue changes without
// a restart, which it does by itself when its file does: mistakes in either file are
// told, and so is that a change waits for a restart. err is that of reading
// fresh.
func unchanged[T any](err error, c, fresh T, catalogue string) (string, error) {
	if err != nil {
		return "", err
	}
	if catalogue != "" {
		if _, err := config.LoadCatalogue(catalogue); err != nil {
			return "", err
		}
	}
	if !reflect.DeepEqual(c, fresh) {
		return "", errors.New("it has changed: only the catalogue, and a validator's scorer.never_learn_from, change without a restart")
	}
	return "configuration is as it was; the catalogue is taken up as it changes", nil
}
