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

// checkable are the files that `vision config check` knows, by what they are. An error is mistakes; warnings are
// what is none and will hardly be meant.
var checkable = map[string]func(file string) (warnings []string, err error){
	"miner":     func(file string) ([]string, error) { c := node.MinerDefaults(); return warned(file, &c) },
	"validator": func(file string) ([]string, error) { c := node.ValidatorDefaults(); return warned(file, &c) },
	"checker":   func(file string) ([]string, error) { c := node.CheckerDefaults(); return warned(file, &c) },
	"catalogue": func(file string) ([]string, error) { _, err := config.LoadCatalogue(file); return nil, err },
	"network": func(file string) ([]string, error) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		_, err = private.Parse(file, text)
		return nil, err
	},
}

// warned reads a node's file.
func warned(file string, c interface{ Warnings() []string }) ([]string, error) {
	if err := config.Load(file, c); err != nil {
		return nil, err
	}
	return c.Warnings(), nil
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
	warnings, err := check(rest[1])
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintf(t.err, "%s: warning: %s\n", rest[1], w)
	}
	switch len(warnings) {
	case 0:
		fmt.Fprintf(t.out, "%s: no mistakes\n", rest[1])
	case 1:
		fmt.Fprintf(t.out, "%s: no mistakes, but a warning\n", rest[1])
	default:
		fmt.Fprintf(t.out, "%s: no mistakes, but %d warnings\n", rest[1], len(warnings))
	}
	return nil
}

// otherKind names what a file with unknown keys is if it has no mistakes as another kind of file: somebody took the wrong one.
func otherKind(found config.Problems) string {
	if !slices.ContainsFunc(found, func(p config.Problem) bool { return strings.HasPrefix(p.Message, "unknown key") }) {
		return ""
	}
	for _, kind := range slices.Sorted(maps.Keys(checkable)) {
		if _, err := checkable[kind](found[0].File); err == nil {
			return kind
		}
	}
	return ""
}
