package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

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
	c := node.MinerDefaults()
	if err := load("miner", *file, &c); err != nil {
		return err
	}
	parts, err := open(t, c.Common)
	if err != nil {
		return err
	}
	m, err := node.NewMiner(ctx, c, parts)
	if err != nil {
		return err
	}
	go reloadMiner(ctx, *file, c, m, parts.Log)
	return m.Run(ctx, func() { parts.Log.Info("miner is ready", "hotkey", m.Hotkey().String(), "listen", m.Addr()) })
}

// reloadMiner reads the file again at each SIGHUP.
func reloadMiner(ctx context.Context, file string, now node.MinerConfig, m *node.Miner, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		fresh := node.MinerDefaults()
		err := config.Load(file, &fresh)
		if err == nil {
			err = m.Reload(now, fresh)
		}
		if err != nil {
			log.Error("the changed configuration is not taken; the old one stays in force", "file", file, "err", err)
			continue
		}
		now = fresh
		log.Info("configuration reloaded", "file", file)
	}
}

func runValidator(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	file := flags.String("config", "validator.yaml", "the configuration file")
	roles := flags.String("roles", "", "what this process does, in place of the file's roles: gateway,scorer,checker")
	ops := flags.String("ops", "", "where health and metrics are served, in place of the file's ops: each process needs its own; \"\" for nowhere")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	c := node.ValidatorDefaults()
	if err := load("validator", *file, &c); err != nil {
		return err
	}
	if given(flags, "ops") {
		c.Ops = *ops
	}
	if *roles != "" {
		c.Roles = strings.Split(*roles, ",")
	}
	parts, err := open(t, c.Common)
	if err != nil {
		return err
	}
	v, err := node.NewValidator(ctx, c, parts)
	if err != nil {
		return err
	}
	return v.Run(ctx, func() {
		parts.Log.Info("validator is ready", "hotkey", v.Hotkey().String(), "roles", strings.Join(c.Roles, ","), "api", v.Customers())
	})
}

func runChecker(ctx context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	file := flags.String("config", "checker.yaml", "the configuration file")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	c := node.CheckerDefaults()
	if err := load("checker", *file, &c); err != nil {
		return err
	}
	parts, err := open(t, c.Common)
	if err != nil {
		return err
	}
	k, err := node.NewChecker(ctx, c, parts)
	if err != nil {
		return err
	}
	return k.Run(ctx, func() { parts.Log.Info("checker is ready", "hotkey", parts.Key.ID().String(), "listen", k.Addr()) })
}
