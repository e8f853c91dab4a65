//go:build !linux

package nowait

import "net"

// Writer writes to a connection. The zero value needs an Of. One goroutine at a
// time uses it; others may close the connection or set its deadlines.
type Writer struct{ conn net.Conn }

// Of makes conn what is written to.
func (w *Writer) Of(conn net.Conn) { w.conn = conn }

// Write implements io.Writer, as a net.Conn's Write does.
func (w *Writer) Write(p []byte) (int, error) { return w.conn.Write(p) }
