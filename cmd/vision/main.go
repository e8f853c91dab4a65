// Command vision runs a decentralised inference network: miners that serve
// open models, and validators that judge them, pay them by weights on a
// ledger, and sell access to them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A second Ctrl-C ends the program at once: the first restores the default.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
