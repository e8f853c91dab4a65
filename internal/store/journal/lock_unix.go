//go:build unix

package journal

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the file for this process, without waiting. The system lets go of
// it when the file is closed or the process ends.
func lock(f *os.File) (ours bool, err error) {
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case errors.Is(err, syscall.EINTR):
			continue
		}
		return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
}
