// Package nowait reads from and writes to sockets without telling Go's
// scheduler that a system call is under way.
//
// It is told so that it can run something else while the call waits. A call on
// a socket that does not block cannot wait, so telling is for nothing; and in a
// process that was idle a moment ago, as a proxy is between two tokens, it
// wakes the runtime's monitor thread each time, which costs more than the token.
// docs/performance.md has the figures.
//
// Waiting for a socket is left to the runtime's poller, deadlines and closing
// included, by way of syscall.RawConn. On systems other than Linux everything
// here is the ordinary call.
package nowait
