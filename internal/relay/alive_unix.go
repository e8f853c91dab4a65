//go:build unix

package relay

import (
	"net"
	"syscall"
)

// watch prepares c for alive.
func (c *conn) watch() {
	nc := c.Conn
	if wrapped, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = wrapped.NetConn()
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	var quiet bool
	peek := func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR
	}
	c.quiet = func() bool { return raw.Control(peek) == nil && quiet }
}

// alive says whether an idle connection can be used: its peer has neither
// closed it nor said anything. It does not block.
func (c *conn) alive() bool { return c.quiet == nil || c.quiet() }
