package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// hangups takes the SIGHUPs of a node from now on, to its very end: none ends
// it. One that comes before somebody receives is kept until then, so nodes call
// it before they read anything.
func hangups() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// heed has a node's file read again at each SIGHUP, until ctx ends. reload says what
// came of it; after an error all is as before.
func heed(ctx context.Context, hangups <-chan os.Signal, file string, log *slog.Logger, reload func() (string, error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		what, err := reload()
		if err != nil {
			log.Error("the changed configuration is not taken; the old one stays in force", "file", file, "err", err)
			continue
		}
		log.Info(what, "file", file)
	}
}
