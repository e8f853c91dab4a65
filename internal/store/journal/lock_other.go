//go:build !unix

package journal

import (
	"errors"
	"os"
)

// lock has no implementation here: without it two processes could not tell an
// abandoned segment from one in use.
func lock(f *os.File) (bool, error) {
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}
