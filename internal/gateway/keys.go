package gateway

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/ledger"
)

// holder is a key in use, with who pays for it and what it has left of its limits.
type holder struct {
	key      apikey.Key
	project  apikey.Project
	purse    *ledger.Purse // nil: nothing is held, as in a free project
	requests *apikey.Limit // a minute; nil: no limit
	tokens   *apikey.Limit // likewise
	use      *meter
}

// meter is how far limits are used by the keys of one Root: one that takes
// another's place gets no limits of its own.
type meter struct {
	underWay atomic.Int64 // requests

	// The rest is for whoever sets the keyring.
	requests, tokens *apikey.Limit
	perMinute        int   // what requests was made for
	tokensPerMinute  int64 // what tokens was made for
}

// limit makes what is not as a key says anew.
func (m *meter) limit(k *apikey.Key, alive int) {
	if m.perMinute != k.PerMinute || m.requests == nil && k.PerMinute > 0 {
		m.perMinute, m.requests = k.PerMinute, nil
		if k.PerMinute > 0 {
			m.requests = apikey.NewLimit(int64(k.PerMinute))
		}
	}
	if m.tokensPerMinute != k.TokensPerMinute || m.tokens == nil && k.TokensPerMinute > 0 {
		m.tokensPerMinute, m.tokens = k.TokensPerMinute, nil
		if k.TokensPerMinute > 0 {
			m.tokens = apikey.NewLimit(k.TokensPerMinute)
		}
	}
	for _, l := range []*apikey.Limit{m.requests, m.tokens} {
		if l != nil {
			l.Share(alive)
		}
	}
}

// keyring finds keys by their hash. It is replaced as a whole, by one goroutine
// at a time.
type keyring struct {
	by     atomic.Pointer[map[apikey.Hash]*holder]
	meters map[int64]*meter // by Root
	alive  atomic.Int64     // gateway processes that share the limits, this one included
}

// set takes the keys and projects that there are now. What was used of limits
// stays used.
func (r *keyring) set(keys []apikey.Key, projects []apikey.Project, alive int, purses Purses) {
	r.alive.Store(int64(max(alive, 1)))
	var old map[apikey.Hash]*holder
	if p := r.by.Load(); p != nil {
		old = *p
	}
	of := make(map[int64]apikey.Project, len(projects))
	for _, p := range projects {
		of[p.ID] = p
	}
	next := make(map[apikey.Hash]*holder, len(keys))
	used := make(map[int64]*meter, len(keys))
	changed := len(keys) != len(old)
	for _, k := range keys {
		root := rootOf(&k)
		m := used[root]
		if m == nil {
			if m = r.meters[root]; m == nil {
				m = &meter{}
			}
			used[root] = m
		}
		if k.Revoked.IsZero() || m.requests == nil && m.tokens == nil { // of a rotated key, the new one's count
			m.limit(&k, alive)
		}
		h := old[k.Hash]
		if h == nil || h.key != k || h.project != of[k.Project] || h.requests != m.requests || h.tokens != m.tokens {
			changed = true
			h = &holder{key: k, project: of[k.Project], use: m, requests: m.requests, tokens: m.tokens}
			if h.project.Kind == apikey.Prepaid {
				allowance := int64(0)
				if k.SpendLimit > 0 {
					allowance = root
				}
				h.purse = purses.Purse(k.Project, allowance)
			}
		}
		next[k.Hash] = h
	}
	r.meters = used
	if changed {
		r.by.Store(&next)
	}
}

// rootOf is what keys made in one another's place have in common.
func rootOf(k *apikey.Key) int64 {
	if k.Root != 0 {
		return k.Root
	}
	return k.ID
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
		if h := g.keys.find(apikey.HashOf(text)); h != nil {
			switch {
			case !h.key.Revoked.IsZero() && !h.key.Revoked.After(now):
			case !h.key.Valid(now):
				return nil, fault.New(fault.Unauthenticated, "expired_api_key", "The API key has expired. Ask for a new one.")
			case !h.project.Archived.IsZero():
				return nil, fault.New(fault.Forbidden, "project_archived", "The project that this API key belongs to is no longer in use.")
			default:
				return h, nil
			}
		}
	}
	if wait := g.guesses.Of(r.RemoteAddr, now).Take(now).Retry; wait > 0 {
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
