package apikey

import (
	"net/netip"
	"sync"
	"time"
)

// Guesses limits by address how often a wrong credential may be tried. It is
// safe for any number of goroutines, and its memory is bounded.
type Guesses struct {
	// PerMinute is how many an address may try; set it before the first use.
	PerMinute int

	mu     sync.Mutex // guards the rest
	by     map[netip.Prefix]*Limit
	swept  time.Time // when unused entries were looked for last
	looked int       // at how many entries, in all
}

// mostAddresses bounds the memory that guessers can take. Past it, all
// addresses without an entry share the zero prefix's.
const mostAddresses = 1 << 16

// sweepEvery is how often unused entries are looked for in a full table.
const sweepEvery = time.Second

// Of gives the limit of an address, which is host:port.
func (g *Guesses) Of(remote string, now time.Time) *Limit {
	at := place(remote)
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.by[at]; l != nil {
		return l
	}
	return g.add(at, now)
}

func (g *Guesses) add(at netip.Prefix, now time.Time) *Limit {
	if g.by == nil {
		g.by = map[netip.Prefix]*Limit{}
	}
	if len(g.by) >= mostAddresses && now.Sub(g.swept).Abs() >= sweepEvery {
		g.swept, g.looked = now, g.looked+len(g.by)
		for p, l := range g.by {
			if l.Idle(now) {
				delete(g.by, p)
			}
		}
	}
	if len(g.by) >= mostAddresses {
		at = netip.Prefix{}
		if l := g.by[at]; l != nil {
			return l
		}
	}
	l := NewLimit(int64(g.PerMinute))
	g.by[at] = l
	return l
}

// place is who is held responsible for an address: an IPv4 address, or the 64
// bits of IPv6 that one customer gets.
func place(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := ap.Addr().Unmap()
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits)
	return p
}
