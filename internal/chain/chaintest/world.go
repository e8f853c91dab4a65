package chaintest

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// Clock is a clock that moves only when told. It may be shared.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at the beginning of 2030, UTC.
func NewClock() *Clock { return &Clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} }

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time by d, which may be negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Key makes the hotkey that belongs to a name, for tests.
func Key(name string) *hotkey.Key { return hotkey.FromSeed(sha256.Sum256([]byte("test " + name))) }

// Member is a neuron of the suite's network.
type Member struct {
	Key       *hotkey.Key
	Stake     chain.Rao
	Endpoint  chain.Endpoint
	Validator bool // has a permit
}

// World is the network that a backend must set up for the suite: Members in
// this order from UID 0, without their endpoints if the ledger learns those
// from Announce, and the Params.
type World struct {
	Dir     string // where the backend keeps its files; the same when it is opened again
	Clock   *Clock
	Params  chain.Params
	Members []Member
}

// Names of the members by UID. The last validator-to-be has stake enough, but
// two others have more, or its role is another.
const (
	alice   = iota // validator with 3/4 of the stake
	bob            // validator with 1/4
	benched        // stake above the threshold, no permit
	poor           // a miner with some stake, below the threshold
	carol          // miner
	dave           // miner
)

func newWorld(t *testing.T) *World {
	w := &World{
		Dir:   t.TempDir(),
		Clock: NewClock(),
		Params: chain.Params{
			BlockTime: time.Second, Tempo: 10, WeightsRateLimit: 5, MinWeights: 2,
			StakeThreshold: 1000 * chain.TAO, MaxNeurons: 16, MaxValidators: 2,
		},
	}
	for i, stake := range []chain.Rao{6000 * chain.TAO, 2000 * chain.TAO, 1500 * chain.TAO, 10 * chain.TAO, 0, 0} {
		w.Members = append(w.Members, Member{
			Key:       Key(fmt.Sprint("member ", i)),
			Stake:     stake,
			Endpoint:  chain.Endpoint(fmt.Sprintf("192.0.2.%d:9100", i+1)),
			Validator: i == alice || i == bob,
		})
	}
	return w
}

// blocks moves the clock by n blocks.
func (w *World) blocks(n uint64) { w.Clock.Advance(time.Duration(n) * w.Params.BlockTime) }
