package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"vision/internal/chain/private"
	"vision/internal/config"
	"vision/internal/node"
)

// checkable are the files that `vision config check` knows, by what they are.
var checkable = map[string]func(file string) error{
	"miner":     func(file string) error { c := node.MinerDefaults(); return config.Load(file, &c) },
	"validator": func(file string) error { c := node.ValidatorDefaults(); return config.Load(file, &c) },
	"checker":   func(file string) error { c := node.CheckerDefaults(); return config.Load(file, &c) },
	"catalogue": func(file string) error { _, err := config.LoadCatalogue(file); return err },
	"network": func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		_, err = private.Parse(file, text)
		return err
	},
}

func configCheck(_ context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	rest, err := parse(flags, args, 2, 2)
	if err != nil {
		return err
	}
	check, ok := checkable[rest[0]]
	if !ok {
		return usagef("%q is not a kind of file; the kinds are %s", rest[0], strings.Join(slices.Sorted(maps.Keys(checkable)), ", "))
	}
	if err := check(rest[1]); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s: no mistakes\n", rest[1])
	return nil
}
