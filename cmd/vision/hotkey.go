package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"strings"

	"vision/internal/hotkey"
	"vision/internal/hotkey/wallet"
)

func hotkeyNew(_ context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	path, err := wallet.Expand(rest[0])
	if err != nil {
		return err
	}
	key, err := newHotkey(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s\nwritten to %s; keep a copy of it: it is the only one\n", key.ID(), path)
	return nil
}

// newHotkey makes a key and writes its file, which must not exist.
func newHotkey(path string) (*hotkey.Key, error) {
	key, err := hotkey.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, wallet.Save(path, key)
}

func hotkeyShow(_ context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	passwordFile := flags.String("password-file", "", "file that holds the hotkey file's password, if it is encrypted")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	path, err := wallet.Expand(rest[0])
	if err != nil {
		return err
	}
	key, err := wallet.Load(path, func() (string, error) {
		if *passwordFile == "" {
			return "", usagef("the file is encrypted: say --password-file")
		}
		text, err := os.ReadFile(*passwordFile)
		return strings.TrimSpace(string(text)), err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, key.ID())
	return nil
}
