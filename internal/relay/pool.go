package relay

import (
	"sync"
	"time"
)

// pool keeps idle connections, the youngest in front. It has no goroutine: one
// timer runs while there is anything to close.
type pool struct {
	perPeer int
	all     int
	timeout time.Duration
	now     func() time.Time

	mu     sync.Mutex // guards all below
	idle   map[Peer][]*conn
	count  int
	timer  *time.Timer // nil when nothing is idle
	closed bool
}

// get takes an idle connection to a peer, or nil.
func (p *pool) get(peer Peer) *conn {
	for {
		p.mu.Lock()
		list := p.idle[peer]
		if len(list) == 0 {
			p.mu.Unlock()
			return nil
		}
		c := list[len(list)-1]
		list[len(list)-1] = nil
		p.idle[peer] = list[:len(list)-1] // reap removes what stays empty
		p.count--
		p.mu.Unlock()
		if c.alive() {
			c.reused, c.got = true, false
			return c
		}
		c.Close()
	}
}

// put gives a connection back. One too many is closed.
func (p *pool) put(c *conn) {
	c.giveBack()
	p.mu.Lock()
	list := p.idle[c.peer]
	if p.closed || len(list) >= p.perPeer || p.count >= p.all {
		p.mu.Unlock()
		c.Close()
		return
	}
	c.idle = p.now()
	p.idle[c.peer] = append(list, c)
	p.count++
	if p.timer == nil {
		p.timer = time.AfterFunc(p.timeout, p.reap)
	}
	p.mu.Unlock()
}

// reap closes what has been idle for too long.
func (p *pool) reap() {
	var dead []*conn
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	oldest := p.now().Add(-p.timeout)
	for peer, list := range p.idle {
		n := 0 // lists are in the order of idle
		for n < len(list) && !list[n].idle.After(oldest) {
			n++
		}
		if n > 0 {
			dead = append(dead, list[:n]...)
			list = append([]*conn(nil), list[n:]...)
			p.idle[peer] = list
		}
		if len(list) == 0 {
			delete(p.idle, peer)
		}
	}
	p.count -= len(dead)
	p.timer = nil
	if p.count > 0 {
		p.timer = time.AfterFunc(max(p.timeout/4, time.Second), p.reap)
	}
	p.mu.Unlock()
	for _, c := range dead {
		c.Close()
	}
}

// close closes all idle connections, now and whenever one is put.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle = map[Peer][]*conn{}
	p.count, p.closed = 0, true
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	for _, list := range idle {
		for _, c := range list {
			c.Close()
		}
	}
}
