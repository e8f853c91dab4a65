//go:build unix

package node

import (
	"errors"
	"os"
	"syscall"
)

// lock takes a file for this process, without waiting; errTaken says that another has it.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errTaken
		case errors.Is(err, syscall.EINTR):
			continue
		}
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
}
