package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The requests, some 1 KB each, the same to all.
var (
	wholeRequest  = request(false)
	streamRequest = request(true)
)

func request(stream bool) []byte {
	body := `{"model":"bench","messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"` +
		strings.Repeat("some words ", 76) + `"}],"max_tokens":8192,"temperature":0.7`
	accept := "application/json"
	if stream {
		body += `,"stream":true`
		accept = "text/event-stream"
	}
	body += "}"
	return fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nUser-Agent: relaybench\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n%s", apiKey, accept, len(body), body)
}

// customer is one connection to a proxy, or to the upstream itself.
type customer struct {
	addr string
	mu   sync.Mutex // held while conn changes, and to look at it from elsewhere
	conn net.Conn
	last bool // the connection takes no other request
	buf  []byte
	tail [5]byte // the end of what was read
}

func connect(addr string) (*customer, error) {
	c := &customer{addr: addr, buf: make([]byte, 16<<10)}
	return c, c.connect()
}

func (c *customer) connect() error {
	c.last = false
	conn, err := net.DialTimeout("tcp", c.addr, 5*time.Second)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	return nil
}

// ask sends a request, over a new connection if need be.
func (c *customer) ask(request []byte) error {
	if c.last {
		c.conn.Close()
		if err := c.connect(); err != nil {
			return err
		}
	}
	_, err := c.conn.Write(request)
	return err
}

// begins looks at the head of a response.
func (c *customer) begins(head []byte) error {
	if !bytes.HasPrefix(head, okStatus) {
		return fmt.Errorf("%w: %.300q", errStatus, head)
	}
	c.last = bytes.Contains(head, closes)
	return nil
}

// broke says that a response has no end, and gives up the connection.
func (c *customer) broke(why error) error {
	c.last = true
	return fmt.Errorf("%w: %w", errBroken, why)
}

var (
	endOfHead = []byte("\r\n\r\n")
	okStatus  = []byte("HTTP/1.1 200 OK\r\n")
	closes    = []byte("\r\nConnection: close\r\n")
	lengthIs  = []byte("Content-Length: ")
	eventMark = []byte("data: ")
	doneMark  = []byte("data: [DONE]\n\n")
	finalMark = "0\r\n\r\n"
	errStatus = errors.New("the status is not 200")
	errBroken = errors.New("a response without its end")
	errDone   = errors.New("there is no [DONE]")
	errEnough = errors.New("all has been asked for")
)

// whole asks for an answer that is not streamed and reads it.
func (c *customer) whole() error {
	if err := c.ask(wholeRequest); err != nil {
		return c.broke(err)
	}
	n, want := 0, -1
	for want < 0 || n < want {
		m, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return c.broke(err)
		}
		n += m
		if end := bytes.Index(c.buf[:n], endOfHead); want < 0 && end >= 0 {
			if err := c.begins(c.buf[:end+2]); err != nil {
				return err
			}
			_, after, ok := bytes.Cut(c.buf[:end], lengthIs)
			if !ok {
				return errors.New("a response without its length")
			}
			text, _, _ := bytes.Cut(after, []byte("\r"))
			length, err := strconv.Atoi(string(text))
			if err != nil {
				return err
			}
			want = end + len(endOfHead) + length
		}
	}
	return nil
}

// stream asks for a stream and reads it to its end. It gives the time to its
// first event; on, if not nil, is told of the events in each read.
func (c *customer) stream(on func(events int)) (first time.Duration, err error) {
	begun := time.Now()
	if err := c.ask(streamRequest); err != nil {
		return 0, c.broke(err)
	}
	done := false
	for started := false; ; started = true {
		n, err := c.conn.Read(c.buf)
		if err != nil {
			return first, c.broke(err)
		}
		p := c.buf[:n]
		if !started {
			if err := c.begins(p); err != nil {
				return first, err
			}
		}
		events := bytes.Count(p, eventMark)
		if events > 0 && first == 0 {
			first = time.Since(begun)
		}
		done = done || bytes.Contains(p, doneMark)
		if on != nil && events > 0 {
			on(events)
		}
		if c.ends(p) {
			if !done {
				return first, c.broke(errDone)
			}
			return first, nil
		}
	}
}

// ends says whether the body's last chunk has come with p.
func (c *customer) ends(p []byte) bool {
	if len(p) >= len(c.tail) {
		copy(c.tail[:], p[len(p)-len(c.tail):])
	} else {
		copy(c.tail[:], c.tail[len(p):])
		copy(c.tail[len(c.tail)-len(p):], p)
	}
	return string(c.tail[:]) == finalMark
}

// crowd is many customers at one address who ask again and again.
type crowd struct {
	tokens   atomic.Int64 // events that came
	requests atomic.Int64 // that ended well
	open     atomic.Int64 // customers whose first event or answer has come
	broken   atomic.Int64
	stopping atomic.Bool
	why      atomic.Pointer[error] // the first failure

	wg    sync.WaitGroup
	conns []*customer
}

// gather starts n customers over a stretch of time. Each does its thing, once
// or again and again.
func gather(addr string, n int, over time.Duration, do func(*crowd, *customer) error) (*crowd, error) {
	g := &crowd{}
	for range n {
		c, err := connect(addr)
		if err != nil {
			g.leave()
			return nil, err
		}
		g.conns = append(g.conns, c)
	}
	for i, c := range g.conns {
		g.wg.Go(func() {
			time.Sleep(over * time.Duration(i) / time.Duration(n))
			for !g.stopping.Load() {
				err := do(g, c)
				switch {
				case g.stopping.Load() || errors.Is(err, errEnough):
					return
				case err == nil:
					g.requests.Add(1)
				default:
					g.broken.Add(1)
					g.why.CompareAndSwap(nil, &err)
					if !errors.Is(err, errBroken) {
						return
					}
				}
			}
		})
	}
	return g, nil
}

func askWhole(g *crowd, c *customer) error { return c.whole() }

func askStream(g *crowd, c *customer) error {
	started := false
	_, err := c.stream(func(events int) {
		if !started {
			started = true
			g.open.Add(1)
		}
		g.tokens.Add(int64(events))
	})
	return err
}

// leave hangs up and waits until all have.
func (g *crowd) leave() {
	g.stopping.Store(true)
	for _, c := range g.conns {
		c.mu.Lock()
		c.conn.SetDeadline(time.Unix(1, 0)) // whoever reads stops
		c.mu.Unlock()
	}
	g.wg.Wait()
	for _, c := range g.conns {
		c.conn.Close()
	}
}

// failure is what went wrong, if more did than the few responses that a stock
// ReverseProxy breaks.
func (g *crowd) failure() error {
	if why := g.why.Load(); why != nil && (!errors.Is(*why, errBroken) || g.broken.Load() > (g.requests.Load()+int64(len(g.conns)))/20) {
		return fmt.Errorf("%d responses failed, %d did not; the first: %w", g.broken.Load(), g.requests.Load(), *why)
	}
	return nil
}

// await waits until so many customers have had their first event.
func (g *crowd) await(ctx context.Context, n int) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for g.open.Load() < int64(n) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %d of %d streams have begun: %w", g.open.Load(), n, errors.Join(ctx.Err(), g.failure()))
		case <-tick.C:
		}
	}
	return nil
}
