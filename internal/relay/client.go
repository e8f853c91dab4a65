package relay

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/outcome"
	"vision/internal/proto"
	"vision/internal/task"
)

// ErrShutdown as the cause of a context's end says that we are stopping, not
// that the caller went away.
var ErrShutdown = errors.New("the validator is shutting down")

// Config is what a Client needs. Zero fields but Dialer and Secret have the
// defaults named.
type Config struct {
	Dialer Dialer
	Secret []byte // at least 16 bytes that no miner knows; seeds and draws follow from it

	UserAgent   string           // "vision"
	Now         func() time.Time // time.Now
	DialTimeout time.Duration    // to connect and prove identities; 5 s
	IdlePerPeer int              // idle connections kept for one miner; 64
	Idle        int              // idle connections kept in all; 8192
	IdleTimeout time.Duration    // how long one is kept; 60 s
	MaxEvent    int              // bytes of one event; proto.MaxEvent
	MaxResponse int64            // bytes of an answer that is not streamed; proto.MaxResponse

	// Beacons gives the part of a time in which a beacon asked last, and false if none did. May be nil.
	Beacons func(start, end time.Time) (from, until time.Time, ok bool)

	// DialReason names a failed handshake in a word or two ("wrong_hotkey"), or
	// gives "" for errors that it does not know. May be nil.
	DialReason func(error) string
}

// Client makes attempts. It is safe for concurrent use.
type Client struct {
	cfg    Config
	pool   pool
	net    network
	keyed  sync.Pool // of *keyed
	closed atomic.Bool
}

// New makes a Client, which starts no goroutine.
func New(cfg Config) (*Client, error) {
	if cfg.Dialer == nil {
		return nil, errors.New("relay: no dialer")
	}
	if len(cfg.Secret) < 16 {
		return nil, fmt.Errorf("relay: the secret has %d bytes, want at least 16", len(cfg.Secret))
	}
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "vision")
	cfg.DialTimeout = cmp.Or(cfg.DialTimeout, 5*time.Second)
	cfg.IdlePerPeer = cmp.Or(cfg.IdlePerPeer, 64)
	cfg.Idle = cmp.Or(cfg.Idle, 8192)
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, time.Minute)
	cfg.MaxEvent = cmp.Or(cfg.MaxEvent, proto.MaxEvent)
	cfg.MaxResponse = cmp.Or(cfg.MaxResponse, proto.MaxResponse)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if !visible(cfg.UserAgent) {
		return nil, fmt.Errorf("relay: %q cannot be a User-Agent", cfg.UserAgent)
	}
	c := &Client{cfg: cfg}
	c.pool = pool{perPeer: cfg.IdlePerPeer, all: cfg.Idle, timeout: cfg.IdleTimeout, now: cfg.Now, idle: map[Peer][]*conn{}}
	return c, nil
}

// Close closes idle connections and lets no new attempt begin. Attempts under
// way go on: end their contexts with cause ErrShutdown. It may be called again.
func (c *Client) Close() {
	c.closed.Store(true)
	c.pool.close()
}

// keyed is a hash under the secret, to be used again.
type keyed struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

// sum is a keyed hash of a request's id, for one purpose.
func (c *Client) sum(purpose, id string) [sha256.Size]byte {
	k, ok := c.keyed.Get().(*keyed)
	if !ok {
		k = &keyed{mac: hmac.New(sha256.New, c.cfg.Secret)}
	}
	defer c.keyed.Put(k)
	k.text = append(append(append(k.text[:0], purpose...), '|'), id...)
	k.mac.Reset()
	k.mac.Write(k.text)
	k.mac.Sum(k.sum[:0])
	return k.sum
}

// derive is the beginning of sum as a number.
func (c *Client) derive(purpose, id string) uint64 {
	sum := c.sum(purpose, id)
	return binary.BigEndian.Uint64(sum[:])
}

// wireID is what a miner is told of a request's id. It tells it neither when
// the request arrived nor whether another miner has had it before, and looks
// the same for customers' requests and the validator's own. Whoever knows the
// secret can find the request of an id that a miner names.
func (c *Client) wireID(call *Call) string {
	sum := c.sum("wire", call.ID+"|"+strconv.Itoa(call.Try))
	return outcome.TextID([16]byte(sum[:16]))
}

// Payload is the body that miners are sent for a request, the same at every
// try. The seed is the caller's own, or follows from the secret and the id: a
// miner cannot foresee it, and whoever knows the secret can name it again.
func (c *Client) Payload(id string, r task.Request, t *task.Task) []byte {
	seed, ok := r.Seed()
	if !ok {
		seed = c.derive("seed", id)
	}
	return r.Payload(seed & t.SeedMask())
}

// Draw is a number in [0, 1) that follows from the secret and the id: the draw
// that decides whether a response is sampled. A miner cannot foresee it.
func (c *Client) Draw(id string) float64 {
	return float64(c.derive("sample", id)>>11) / (1 << 53)
}

// connect gives a connection to a peer, idle or new.
func (c *Client) connect(ctx context.Context, peer Peer, by time.Time, fresh bool) (*conn, error) {
	if !fresh {
		if cn := c.pool.get(peer); cn != nil {
			return cn, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, min(c.cfg.DialTimeout, by.Sub(c.cfg.Now())))
	defer cancel()
	// A handshake needs a deep stack. On one of its own, which then goes, it
	// does not leave the stream that follows with much more than it needs.
	type dialled struct {
		nc  net.Conn
		err error
	}
	done := make(chan dialled, 1)
	go func() {
		nc, err := c.cfg.Dialer.Dial(ctx, peer.Addr, peer.Miner)
		done <- dialled{nc, err}
	}()
	d := <-done
	if d.err != nil {
		return nil, d.err
	}
	c.net.hear(c.cfg.Now())
	return newConn(d.nc, peer), nil
}

// dialReason names what was wrong with a connection that failed to come about.
func (c *Client) dialReason(err error) string {
	if c.cfg.DialReason != nil {
		if r := c.cfg.DialReason(err); r != "" {
			return r
		}
	}
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connect_refused"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return "connect_timeout"
	case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH):
		return "connect_unreachable"
	case errors.As(err, &dns):
		return "connect_unknown_host"
	}
	return "connect_failed"
}

// visible says whether s can stand in a header: printable ASCII, not empty.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// appendHead appends a request's head. Its form is the same whoever asks. It gives
// what was signed, the names of both sides left out; nothing if nothing was.
func (c *Client) appendHead(b []byte, call *Call, by signer) (_ []byte, signed proto.Signed, err error) {
	accept := "application/json"
	if call.Request.Stream() {
		accept = "text/event-stream"
	}
	b = append(b, "POST "...)
	b = append(b, call.Kind.Path()...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, call.Peer.Addr...)
	b = append(b, "\r\nUser-Agent: "...)
	b = append(b, c.cfg.UserAgent...)
	b = append(b, "\r\nContent-Type: application/json\r\nAccept: "...)
	b = append(b, accept...)
	b = append(b, "\r\n"+proto.RequestIDHeader+": "...)
	id := c.wireID(call)
	b = append(b, id...)
	if by != nil {
		signed = proto.Signed{Path: call.Kind.Path(), ID: id, Body: sha256.Sum256(call.Payload), Expires: c.cfg.Now().Add(proto.SignatureLife)}
		b = append(b, "\r\n"+proto.SignatureHeader+": "...)
		if b, err = by.AppendSignature(b, signed); err != nil {
			return b, signed, err
		}
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(call.Payload)), 10)
	return append(b, "\r\n\r\n"...), signed, nil
}

// Pools of what attempts borrow.
var (
	buffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}
	streams = sync.Pool{New: func() any { return new(openai.Stream) }}
)

// maxPooled is the capacity beyond which a buffer is left to the collector.
const maxPooled = 256 << 10

func putBuffer(b *[]byte) {
	if cap(*b) <= maxPooled {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

func upstream(reason, format string, args ...any) *fault.Error {
	return fault.New(fault.Upstream, reason, format, args...)
}
