package relay

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watchTrip prepares c for roundTrip.
func (c *conn) watchTrip() {
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
	var least time.Duration
	look := func(fd uintptr) {
		least = 0
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && info.Min_rtt != ^uint32(0) {
			least = time.Duration(info.Min_rtt) * time.Microsecond
		}
	}
	c.trip = func() time.Duration {
		if raw.Control(look) != nil { // closed meanwhile
			return 0
		}
		return least
	}
}

// roundTrip is the least round trip that the kernel has seen on the connection
// in the last minutes (net.ipv4.tcp_min_rtt_wlen, 300 s); 0 if it does not say.
// The miner's program takes no part in it, only its kernel.
func (c *conn) roundTrip() time.Duration {
	if c.trip == nil {
		return 0
	}
	return c.trip()
}
