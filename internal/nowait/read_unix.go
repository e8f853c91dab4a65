//go:build unix && !linux

package nowait

import "syscall"

// Read reads what a socket that does not block has come by: 0 bytes at its
// end, or else syscall.EAGAIN. len(p) must be above 0.
func Read(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }
