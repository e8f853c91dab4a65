//go:build unix

package transport

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"vision/internal/nowait"
)

// records lies between TLS and TCP on connections that we dial. It reads as
// much as has come at once, and hands it to TLS record by record, so that it
// knows what crypto/tls does not tell: whether another record is there
// already. A relay can then pass a burst on in one write.
//
//	socket ──one read, borrowed buffer──► records ──a record a time──► tls.Conn
//
// While nothing has come it holds no buffer: memory is borrowed after the
// socket has become readable. One goroutine at a time reads.
type records struct {
	net.Conn
	raw  syscall.RawConn
	step func(fd uintptr) bool // reads once, when the socket is readable

	buf    *[recordsBuffer]byte // nil when empty
	r, w   int                  // what is unread in buf
	err    error                // of step
	noWait bool                 // wait for nothing: see NoWait
	head   [recordHead]byte     // of the current record, as far as it was handed out
	headed int
	left   int // of the current record's body, to be handed out
}

const (
	recordsBuffer = 32 << 10 // holds at least one record of any size
	recordHead    = 5
)

var recordsBuffers = sync.Pool{New: func() any { return new([recordsBuffer]byte) }}

// byRecord wraps a TCP connection; any other it gives back as it is.
func byRecord(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	c := &records{Conn: conn, raw: raw}
	c.step = c.once
	return c
}

// SyscallConn gives access to the socket.
func (c *records) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

// NoWait makes Read fail with os.ErrDeadlineExceeded, which TLS survives, where
// it would have to wait for the peer.
func (c *records) NoWait(on bool) { c.noWait = on }

// Ready says whether a whole record has been read from the socket that TLS has
// not been given.
func (c *records) Ready() bool {
	if c.headed > 0 || c.left > 0 || c.w-c.r < recordHead {
		return false
	}
	return c.w-c.r >= recordHead+int(binary.BigEndian.Uint16(c.buf[c.r+3:]))
}

// Read implements net.Conn. It gives no byte beyond the current record.
func (c *records) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.r == c.w {
		if c.noWait {
			return 0, os.ErrDeadlineExceeded
		}
		if err := c.raw.Read(c.step); err != nil {
			return 0, err // such as a deadline; nothing was read
		}
		if c.err != nil {
			return 0, c.err
		}
	}
	n := 0
	if c.left == 0 {
		n = copy(p, c.buf[c.r:min(c.w, c.r+recordHead-c.headed)])
		copy(c.head[c.headed:], p[:n])
		if c.headed += n; c.headed == recordHead {
			c.left = int(binary.BigEndian.Uint16(c.head[3:]))
			c.headed = 0
		}
		c.r += n
	}
	body := copy(p[n:], c.buf[c.r:min(c.w, c.r+c.left)])
	c.r += body
	c.left -= body
	if c.r == c.w {
		recordsBuffers.Put(c.buf)
		c.buf, c.r, c.w = nil, 0, 0
	}
	return n + body, nil
}

// once reads what the socket has. It says false to be called again when there
// is something.
func (c *records) once(fd uintptr) bool {
	buf := recordsBuffers.Get().(*[recordsBuffer]byte)
	for {
		n, err := nowait.Read(fd, buf[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == nil && n > 0:
			c.buf, c.r, c.w, c.err = buf, 0, n, nil
			return true
		}
		recordsBuffers.Put(buf)
		switch {
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			c.err = &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", err)}
		default:
			c.err = io.EOF
		}
		return true
	}
}
