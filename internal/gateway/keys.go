package gateway

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
)

// holder is a key in use, with what it has left of its limit.
type holder struct {
	key   apikey.Key
	limit *apikey.Limit // nil: none
}

// keyring finds keys by their hash. It is replaced as a whole.
type keyring struct {
	by atomic.Pointer[map[apikey.Hash]*holder]
}

// set takes the keys that there are now. Keys that stay keep their limit's state.
func (r *keyring) set(keys []apikey.Key) {
	var old map[apikey.Hash]*holder
	if p := r.by.Load(); p != nil {
		old = *p
	}
	next := make(map[apikey.Hash]*holder, len(keys))
	changed := len(keys) != len(old)
	for _, k := range keys {
		h := old[k.Hash]
		if h == nil || h.key != k {
			changed = true
			fresh := &holder{key: k}
			switch {
			case k.PerMinute <= 0:
			case h != nil && h.key.PerMinute == k.PerMinute:
				fresh.limit = h.limit
			default:
				fresh.limit = apikey.NewLimit(k.PerMinute)
			}
			h = fresh
		}
		next[k.Hash] = h
	}
	if changed {
		r.by.Store(&next)
	}
}

func (r *keyring) find(hash apikey.Hash) *holder {
	if p := r.by.Load(); p != nil {
		return (*p)[hash]
	}
	return nil
}

// authenticate finds the holder of the request's key. A key that is right is
// never refused for wrong ones from its address: whoever shares it with a
// guesser goes on being served, and 256 random bits are not to be guessed. The
// limit on guesses keeps them cheap.
func (g *Gateway) authenticate(r *http.Request, now time.Time) (*holder, error) {
	text, given := bearer(r.Header)
	if given && apikey.Plausible(text) {
		if h := g.keys.find(apikey.HashOf(text)); h != nil && h.key.Valid(now) {
			return h, nil
		}
	}
	if wait := g.guesses.take(r.RemoteAddr, now); wait > 0 {
		e := fault.New(fault.RateLimited, "too_many_invalid_keys", "Too many requests without a valid API key came from this address.")
		e.RetryAfter = wait
		return nil, e
	}
	if !given {
		return nil, fault.New(fault.Unauthenticated, "invalid_api_key",
			`No API key was given. Send it in the header "Authorization: Bearer sk-...".`)
	}
	return nil, fault.New(fault.Unauthenticated, "invalid_api_key", "The API key is not valid: it is mistyped, or was revoked.")
}

func bearer(h http.Header) (string, bool) {
	v := h["Authorization"]
	if len(v) == 0 {
		return "", false
	}
	scheme, text, ok := strings.Cut(v[0], " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	text = strings.TrimSpace(text)
	return text, text != ""
}

// guesses limits wrong keys by address.
type guesses struct {
	perMinute int

	mu sync.Mutex // guards by
	by map[netip.Prefix]*apikey.Limit
}

// mostAddresses bounds the memory that guessers can take. Past it, all
// addresses without an entry share the zero prefix's.
const mostAddresses = 1 << 16

// take counts a wrong key; > 0 is how long the address has to wait.
func (g *guesses) take(remote string, now time.Time) time.Duration {
	at := place(remote)
	g.mu.Lock()
	l := g.by[at]
	if l == nil {
		l = g.add(at, now)
	}
	g.mu.Unlock()
	return l.Take(now).Retry
}

func (g *guesses) add(at netip.Prefix, now time.Time) *apikey.Limit {
	if g.by == nil {
		g.by = map[netip.Prefix]*apikey.Limit{}
	}
	if len(g.by) >= mostAddresses {
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
	l := apikey.NewLimit(g.perMinute)
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
