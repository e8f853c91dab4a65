//go:build unix

package local

import (
	"os"

	"golang.org/x/sys/unix"
)

// exclusive takes the file's lock or fails at once. The system gives it up
// when the process ends, however it ends.
func exclusive(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
