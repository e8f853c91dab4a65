package nowait

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Writer writes to a connection. The zero value needs an Of. One goroutine at a
// time uses it; others may close the connection or set its deadlines.
type Writer struct {
	conn net.Conn
	raw  syscall.RawConn // nil: conn is written to in the ordinary way
	step func(fd uintptr) bool
	left []byte // of the current Write
	err  error  // of step
}

// Of makes conn what is written to. A connection of TCP alone gains by it; any
// other is written to by its own Write.
func (w *Writer) Of(conn net.Conn) {
	*w = Writer{conn: conn}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			w.raw, w.step = raw, w.once
		}
	}
}

// Write implements io.Writer, as a net.Conn's Write does.
func (w *Writer) Write(p []byte) (int, error) {
	if w.raw == nil || len(p) == 0 {
		return w.conn.Write(p)
	}
	w.left, w.err = p, nil
	err := w.raw.Write(w.step)
	n := len(p) - len(w.left)
	w.left = nil
	if err == nil && w.err != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Source: w.conn.LocalAddr(), Addr: w.conn.RemoteAddr(), Err: w.err}
	}
	return n, err
}

// once writes until nothing is left. It says false to be called again when the
// socket takes more.
func (w *Writer) once(fd uintptr) bool {
	for len(w.left) > 0 {
		n, errno := write(fd, w.left)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			w.err = os.NewSyscallError("write", errno)
			return true
		case n == 0:
			w.err = io.ErrUnexpectedEOF
			return true
		}
		w.left = w.left[n:]
	}
	return true
}
