package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// Ctrl-C may come before anything is up: then nothing is waited for.
func TestDevnetStoppedWhileItStarts(t *testing.T) {
	for _, after := range []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		var out strings.Builder
		ended := make(chan int)
		go func() {
			ended <- run(ctx, []string{"devnet", "--data", t.TempDir(), "--miners", "1"}, nil, &out, io.Discard)
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("a devnet stopped after %v still runs", after)
		}
		cancel()
	}
}
