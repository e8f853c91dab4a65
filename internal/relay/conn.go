package relay

import (
	"bytes"
	"net"
	"sync"
	"time"

	"vision/internal/proto"
)

const (
	smallRead = 512      // what a connection reads into while little comes
	bigRead   = 32 << 10 // what it borrows when much comes; also the most that a head may have
)

var bigBuffers = sync.Pool{New: func() any { return new([bigRead]byte) }}

// conn is one connection to a miner. One attempt at a time uses it.
type conn struct {
	net.Conn
	peer   Peer
	reused bool
	got    bool // some byte of the current response has come
	idle   time.Time
	quiet  func() bool          // see alive
	trip   func() time.Duration // see roundTrip
	behind burst                // nil if the connection cannot say what else has come
	signer signer               // nil if the connection signs no requests

	buf   []byte // small or big
	r, w  int    // what is unread in buf
	busy  bool   // the last read filled its buffer: borrow a big one
	big   *[bigRead]byte
	small [smallRead]byte
}

func newConn(nc net.Conn, peer Peer) *conn {
	c := &conn{Conn: nc, peer: peer}
	c.buf = c.small[:]
	c.watch()
	c.watchTrip()
	if wrapped, ok := nc.(interface{ NetConn() net.Conn }); ok {
		c.behind, _ = wrapped.NetConn().(burst)
	}
	c.signer, _ = nc.(signer)
	return c
}

// signer is a connection whose requests are signed: it appends the value of
// proto.SignatureHeader, for which it knows who asks whom.
type signer interface {
	AppendSignature(b []byte, s proto.Signed) ([]byte, error)
}

// burst is what lies under TLS, if it knows what has come and was not read.
type burst interface {
	Ready() bool // a whole record is there
	NoWait(bool) // while set, reads fail with os.ErrDeadlineExceeded rather than wait
}

// Close closes the socket at once, without TLS's goodbye: that could wait for a
// peer that reads nothing.
func (c *conn) Close() error {
	if wrapped, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		return wrapped.NetConn().Close()
	}
	return c.Conn.Close()
}

// unread is what has been read and not used.
func (c *conn) unread() []byte { return c.buf[c.r:c.w] }

// fill reads once, after what is unread.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
		if c.busy && c.big == nil {
			c.borrow()
		} else if !c.busy && c.big != nil {
			c.giveBack()
		}
	} else if c.w == len(c.buf) {
		switch {
		case c.big == nil:
			c.borrow()
		case c.r > 0:
			c.w = copy(c.buf, c.buf[c.r:c.w])
			c.r = 0
		default:
			return errHeadSize
		}
	}
	n, err := c.Read(c.buf[c.w:])
	c.busy = n == len(c.buf)-c.w
	c.w += n
	if n == 0 {
		return err
	}
	c.got = true
	if c.behind != nil && (c.busy || c.behind.Ready()) {
		c.gather()
	}
	return nil
}

// gather reads what else has come already, as far as a buffer holds it, the rest
// of a record included: a burst is passed on in one write. An error shows again
// at the next read.
func (c *conn) gather() {
	if c.big == nil {
		c.borrow()
	}
	c.behind.NoWait(true)
	for c.w < len(c.buf) && (c.busy || c.behind.Ready()) {
		c.busy = false // TLS holds no more of the record
		n, err := c.Read(c.buf[c.w:])
		c.w += n
		if err != nil {
			break
		}
	}
	c.behind.NoWait(false)
	c.busy = c.w == len(c.buf)
}

// borrow moves what is unread to a big buffer.
func (c *conn) borrow() {
	c.big = bigBuffers.Get().(*[bigRead]byte)
	c.w = copy(c.big[:], c.buf[c.r:c.w])
	c.r = 0
	c.buf = c.big[:]
}

// giveBack drops what is unread.
func (c *conn) giveBack() {
	c.r, c.w = 0, 0
	if c.big != nil {
		bigBuffers.Put(c.big)
		c.big = nil
		c.buf = c.small[:]
	}
}

// head reads up to the end of a final response's head; what follows is unread.
func (c *conn) head() (head, error) {
	for informed := 0; ; informed++ {
		h, err := c.oneHead()
		if err != nil || h.status >= 200 {
			return h, err
		}
		if h.status == 101 || informed == 5 {
			return h, errHead
		}
	}
}

func (c *conn) oneHead() (head, error) {
	looked := 0
	for {
		p := c.unread()
		if i := bytes.Index(p[looked:], endOfHead); i >= 0 {
			h, err := parseHead(p[:looked+i+2])
			c.r += looked + i + 4
			return h, err
		}
		looked = max(len(p)-3, 0)
		if len(p) >= bigRead {
			return head{}, errHeadSize
		}
		if err := c.fill(); err != nil {
			return head{}, err
		}
	}
}
