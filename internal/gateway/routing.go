package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"vision/internal/dispatch"
	"vision/internal/task"
)

// Routing says what is done for a request over and above asking one miner. 0
// in a field is its default.
type Routing struct {
	// Retries is how many attempts over and above the first a task's requests
	// earn each, over time; RetryFloor is how many a second there may be
	// whatever the traffic, and RetryBurst how many at once. Where failures are
	// general, retries come down to this. Share default 0.2, at most 1; floor
	// default 1; burst default 30.
	Retries    float64
	RetryFloor float64
	RetryBurst int
	// Hedge is the share of a task's requests that may be put to a second
	// miner because the first is later than 19 of 20, at most 0.5. 0: none.
	Hedge float64
	// Affinity is the secret by which prompts' beginnings are hashed: requests
	// with the same one prefer the same miner. It must stay the same for
	// caches to stay warm over a restart. Empty: none is preferred.
	Affinity []byte
}

func (r *Routing) check() error {
	if !(r.Retries >= 0 && r.Retries <= 1 && r.RetryFloor >= 0 && r.RetryBurst >= 0 && r.Hedge >= 0 && r.Hedge <= 0.5) {
		return errors.New("gateway: a share of retries or hedges is out of range")
	}
	return nil
}

func (r *Routing) fill() {
	if r.Retries == 0 {
		r.Retries = 0.2
	}
	if r.RetryFloor == 0 {
		r.RetryFloor = 1
	}
	if r.RetryBurst == 0 {
		r.RetryBurst = 30
	}
}

// hedgeBurst is how many requests at once may be put to a second miner.
const hedgeBurst = 4

// lane is what one task's requests may do over and above asking one miner.
type lane struct {
	retries *dispatch.Budget
	hedges  *dispatch.Budget // nil: there is no hedging
}

// earn counts a request.
func (l *lane) earn(now time.Time) {
	l.retries.Earn(now)
	if l.hedges != nil {
		l.hedges.Earn(now)
	}
}

// lanes are the tasks' lanes, made as they are needed. Tasks are the
// catalogue's, so there are few.
type lanes struct {
	now atomic.Pointer[map[string]*lane] // never changed

	mu sync.Mutex // serialises adding
}

func (l *lanes) of(task string, r *Routing) *lane {
	if all := l.now.Load(); all != nil {
		if it := (*all)[task]; it != nil {
			return it
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	next := map[string]*lane{}
	if all := l.now.Load(); all != nil {
		if it := (*all)[task]; it != nil {
			return it
		}
		maps.Copy(next, *all)
	}
	it := &lane{retries: dispatch.NewBudget(dispatch.BudgetRule{Share: r.Retries, Floor: r.RetryFloor, Burst: float64(r.RetryBurst)})}
	if r.Hedge > 0 {
		it.hedges = dispatch.NewBudget(dispatch.BudgetRule{Share: r.Hedge, Burst: hedgeBurst})
	}
	next[task] = it
	l.now.Store(&next)
	return it
}

// hashes lends what is needed to hash a prefix.
var hashes = sync.Pool{New: func() any { return &hashing{Hash: sha256.New()} }}

type hashing struct {
	hash.Hash
	sum [sha256.Size]byte
}

// prefix is a request's prefix as the Board knows it: a hash that nobody else
// can work out, so that neither customers nor miners choose who meets whom. 0
// is none.
func (r *Routing) prefix(req task.Request) uint64 {
	if len(r.Affinity) == 0 {
		return 0
	}
	p := task.PrefixOf(req)
	if len(p) == 0 {
		return 0
	}
	h := hashes.Get().(*hashing)
	defer hashes.Put(h)
	h.Reset()
	h.Write(r.Affinity)
	h.Write(p)
	return max(binary.LittleEndian.Uint64(h.Sum(h.sum[:0])), 1)
}
