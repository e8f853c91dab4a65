//go:build unix

package local_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, "child:", child(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
