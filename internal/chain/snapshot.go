package chain

import (
	"fmt"
	"iter"
	"math/big"
	"slices"
	"time"

	"vision/internal/hotkey"
)

// Params are the subnet's rules as of a block: what a caller needs to pace
// itself instead of being refused.
type Params struct {
	BlockTime         time.Duration // > 0; nominal, a real chain's blocks jitter
	Tempo             uint64        // blocks from one epoch to the next, > 0
	WeightsRateLimit  uint64        // blocks that must pass between two sets of weights
	AnnounceRateLimit uint64        // blocks that must pass between two changes of endpoint
	MinWeights        int           // fewest entries; the number of neurons if that is smaller
	WeightsVersion    uint64        // Weights.VersionKey must be at least this
	StakeThreshold    Rao           // a validator with less may not set weights and counts for nothing
	MaxNeurons        int           // UIDs that there are
	MaxValidators     int           // permits that there are
	CommitReveal      bool          // weights are hidden at first
	RevealEpochs      uint64        // with CommitReveal: epochs until they are shown
}

// Header names a snapshot: which subnet, when, by which rules.
type Header struct {
	Network   string // "finney", "devnet", or the name a private network gives itself
	Netuid    uint16
	Block     uint64    // the block described
	BlockHash [32]byte  // its hash, the same for all who look; public randomness as good as the ledger is
	Time      time.Time // the block's time
	NextEpoch uint64    // the next block that runs an epoch, > Block; 0 if unknown
	Params
}

// Snapshot is a subnet as of one block. It never changes, so it may be shared
// without a lock; everything it returns is the caller's own.
type Snapshot struct {
	Header
	neurons []Neuron // by UID
	byKey   map[hotkey.ID]int
	permits *big.Int // stake of all permitted validators
}

// NewSnapshot checks the neurons and takes a copy of them. It is for
// backends: UIDs and hotkeys must be unique.
func NewSnapshot(h Header, neurons []Neuron) (*Snapshot, error) {
	if h.BlockTime <= 0 || h.Tempo == 0 {
		return nil, fmt.Errorf("snapshot of %s: block time %v and tempo %d must be positive", h.Network, h.BlockTime, h.Tempo)
	}
	s := &Snapshot{
		Header:  h,
		neurons: slices.Clone(neurons),
		byKey:   make(map[hotkey.ID]int, len(neurons)),
		permits: new(big.Int),
	}
	slices.SortFunc(s.neurons, func(a, b Neuron) int { return int(a.UID) - int(b.UID) })
	for i, n := range s.neurons {
		if i > 0 && s.neurons[i-1].UID == n.UID {
			return nil, fmt.Errorf("snapshot of %s: uid %d is there twice", h.Network, n.UID)
		}
		if _, twice := s.byKey[n.Hotkey]; twice {
			return nil, fmt.Errorf("snapshot of %s: hotkey %s is there twice", h.Network, n.Hotkey)
		}
		s.byKey[n.Hotkey] = i
		if n.ValidatorPermit {
			s.permits.Add(s.permits, new(big.Int).SetUint64(uint64(n.Stake)))
		}
	}
	return s, nil
}

// Len is the number of neurons.
func (s *Snapshot) Len() int { return len(s.neurons) }

// Neurons goes through all neurons by ascending UID.
func (s *Snapshot) Neurons() iter.Seq[Neuron] { return slices.Values(s.neurons) }

// ByHotkey finds a neuron by its key.
func (s *Snapshot) ByHotkey(id hotkey.ID) (Neuron, bool) {
	i, ok := s.byKey[id]
	if !ok {
		return Neuron{}, false
	}
	return s.neurons[i], true
}

// ByUID finds a neuron by its number.
func (s *Snapshot) ByUID(uid uint16) (Neuron, bool) {
	i, ok := slices.BinarySearchFunc(s.neurons, uid, func(n Neuron, uid uint16) int { return int(n.UID) - int(uid) })
	if !ok {
		return Neuron{}, false
	}
	return s.neurons[i], true
}

// Validators lists the neurons with a permit, by ascending UID.
func (s *Snapshot) Validators() []Neuron {
	return s.filter(func(n Neuron) bool { return n.ValidatorPermit })
}

// Miners lists the neurons that serve requests, by ascending UID.
func (s *Snapshot) Miners() []Neuron { return s.filter(Neuron.Miner) }

func (s *Snapshot) filter(keep func(Neuron) bool) []Neuron {
	var out []Neuron
	for _, n := range s.neurons {
		if keep(n) {
			out = append(out, n)
		}
	}
	return out
}

// StakeShare is the validator's part of the stake of all permitted
// validators, in [0, 1]; 0 for everyone else.
func (s *Snapshot) StakeShare(id hotkey.ID) float64 {
	n, ok := s.ByHotkey(id)
	if !ok || !n.ValidatorPermit {
		return 0
	}
	return share(n.Stake, s.permits)
}

// StakeBefore is the part of the stake of all permitted validators that those
// with a smaller UID than id hold, in [0, 1]; 0 if id is no permitted validator.
func (s *Snapshot) StakeBefore(id hotkey.ID) float64 {
	n, ok := s.ByHotkey(id)
	if !ok || !n.ValidatorPermit {
		return 0
	}
	before := 0.0
	for _, other := range s.neurons {
		if other.ValidatorPermit && other.UID < n.UID {
			before += share(other.Stake, s.permits)
		}
	}
	return min(before, 1)
}

// WaitForWeights is how many blocks id must still wait before it may set
// weights; 0 is now. It looks at the rate limit only.
func (s *Snapshot) WaitForWeights(id hotkey.ID) uint64 {
	n, ok := s.ByHotkey(id)
	if !ok || n.LastUpdate == 0 {
		return 0
	}
	return remaining(n.LastUpdate, s.WeightsRateLimit, s.Block)
}

// Until is about how long it takes for that many blocks to pass.
func (p Params) Until(blocks uint64) time.Duration {
	const most = time.Duration(1<<63 - 1)
	if p.BlockTime > 0 && blocks > uint64(most/p.BlockTime) {
		return most
	}
	return time.Duration(blocks) * p.BlockTime
}

// remaining is the number of blocks after now until limit blocks have passed
// since last.
func remaining(last, limit, now uint64) uint64 {
	if now < last {
		return limit + (last - now)
	}
	if passed := now - last; passed < limit {
		return limit - passed
	}
	return 0
}
