//go:build !unix

package local

import "os"

// exclusive does nothing where there is no flock: keep to one process a
// directory there.
func exclusive(*os.File) error { return nil }
