package local

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/crypto/blake2b"

	"vision/internal/chain"
	"vision/internal/chain/yuma"
	"vision/internal/hotkey"
)

// makeUp is how many epochs are made up after the ledger was closed. Bonds are
// within 0.9^256, about 2e-12, of where all epochs would have brought them.
const makeUp = 256

// digest is 32 bytes that are hexadecimal in the file.
type digest [32]byte

func (d digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

func (d *digest) UnmarshalText(text []byte) error {
	if len(text) != 64 {
		return fmt.Errorf("digest of %d characters, want 64", len(text))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// state is all that the ledger knows: what its file holds. Its methods are
// pure; block is always the current block.
type state struct {
	Version   int
	Network   string
	Netuid    uint16
	BaseBlock uint64 // block at BaseTime
	BaseTime  time.Time
	BlockTime time.Duration
	Block     uint64 // the highest block that was ever seen and saved

	LastEpoch uint64 // block of the last epoch; at first the first block
	NextEpoch uint64

	// The digests of everything accepted: before block CallBlock, and so far.
	CallBlock uint64
	Parent    digest
	Digest    digest

	Stakes  map[hotkey.ID]chain.Rao // also of who is not registered
	Neurons []neuron                // by UID
}

// neuron is a registered hotkey with what the public snapshot does not show.
type neuron struct {
	Hotkey, Coldkey hotkey.ID
	Endpoint        chain.Endpoint
	Permit          bool
	Registered      uint64
	LastUpdate      uint64
	Announced       uint64 // block of the last change of endpoint; 0 is never

	Weights vector   // in force
	Commits []commit // accepted, not yet shown; oldest first
	Bonds   []float64

	Incentive, Dividends, Emission, Consensus, ValidatorTrust float64
}

// vector is a row of weights by UID.
type vector map[uint16]uint16

// commit is a row of weights that becomes visible at a block.
type commit struct {
	Counts  uint64
	Weights vector
}

func newState(c Config) *state {
	now := c.Now().UTC()
	s := &state{
		Version: 1, Network: c.Network, Netuid: c.Netuid,
		BaseBlock: 1, BaseTime: now, BlockTime: c.BlockTime, Block: 1,
		LastEpoch: 1, NextEpoch: 1 + c.Tempo,
		Stakes: map[hotkey.ID]chain.Rao{},
	}
	s.Digest = hash(digest{}, "genesis", c.Network, binary.BigEndian.AppendUint64(nil, uint64(c.Netuid)), now.String())
	s.Parent = s.Digest
	return s
}

// clone copies s so that the copy can be changed and s kept.
func (s *state) clone() *state {
	c := *s
	c.Stakes = maps.Clone(s.Stakes)
	c.Neurons = slices.Clone(s.Neurons)
	for i := range c.Neurons {
		n := &c.Neurons[i]
		n.Weights = maps.Clone(n.Weights)
		n.Bonds = slices.Clone(n.Bonds)
		n.Commits = slices.Clone(n.Commits)
		for k := range n.Commits {
			n.Commits[k].Weights = maps.Clone(n.Commits[k].Weights)
		}
	}
	return &c
}

// blockAt is the block at an instant, never before one that was seen.
func (s *state) blockAt(now time.Time) uint64 {
	block := s.BaseBlock
	if d := now.Sub(s.BaseTime); d > 0 {
		block += uint64(d / s.BlockTime)
	}
	return max(block, s.Block)
}

// timeOf is when a block began.
func (s *state) timeOf(block uint64) time.Time {
	return s.BaseTime.Add(time.Duration(block-s.BaseBlock) * s.BlockTime)
}

// rebase changes the pace of blocks from the current one on.
func (s *state) rebase(block uint64, now time.Time, blockTime time.Duration) {
	s.BaseBlock, s.BaseTime, s.BlockTime = block, now.UTC(), blockTime
}

// record chains a call into the digest.
func (s *state) record(block uint64, call string, args ...any) {
	if block > s.CallBlock {
		s.Parent, s.CallBlock = s.Digest, block
	}
	s.Digest = hash(s.Digest, append([]any{call, block}, args...)...)
}

// blockHash covers all calls of earlier blocks, so it stays the same while
// its own block is open.
func (s *state) blockHash(block uint64) [32]byte {
	parent := s.Digest
	if block <= s.CallBlock {
		parent = s.Parent
	}
	return hash(parent, "block", block)
}

func (s *state) uid(id hotkey.ID) (int, bool) {
	i := slices.IndexFunc(s.Neurons, func(n neuron) bool { return n.Hotkey == id })
	return i, i >= 0
}

// advance runs the epochs due by block. It reports whether there were any.
func (s *state) advance(block uint64, c Config) bool {
	if s.NextEpoch > block {
		return false
	}
	if due := (block-s.NextEpoch)/c.Tempo + 1; due > makeUp {
		s.NextEpoch += (due - makeUp) * c.Tempo
	}
	for ; s.NextEpoch <= block; s.NextEpoch += c.Tempo {
		s.epoch(s.NextEpoch, c)
		s.LastEpoch = s.NextEpoch
	}
	return true
}

// epoch shows the commits that are due and runs consensus at block.
func (s *state) epoch(block uint64, c Config) {
	for i := range s.Neurons {
		n := &s.Neurons[i]
		for len(n.Commits) > 0 && n.Commits[0].Counts <= block {
			n.Weights, n.Commits = n.Commits[0].Weights, n.Commits[1:]
		}
	}
	s.permit(c)
	size := len(s.Neurons)
	in := yuma.Input{
		Stake: make([]float64, size), Voting: make([]bool, size),
		Weights: make([][]float64, size), Bonds: make([][]float64, size),
		Kappa: c.Kappa, Alpha: c.BondsAlpha,
	}
	for i, n := range s.Neurons {
		if stake := s.Stakes[n.Hotkey]; stake >= c.StakeThreshold {
			in.Stake[i] = float64(stake)
		}
		in.Voting[i] = n.Permit && n.LastUpdate > 0 && n.LastUpdate+c.ActivityCutoff >= block
		if len(n.Weights) > 0 {
			in.Weights[i] = make([]float64, size)
			for uid, w := range n.Weights {
				in.Weights[i][uid] = float64(w)
			}
		}
		if len(n.Bonds) > 0 {
			in.Bonds[i] = make([]float64, size)
			copy(in.Bonds[i], n.Bonds)
		}
	}
	out := yuma.Epoch(in)
	for i := range s.Neurons {
		n := &s.Neurons[i]
		n.Incentive, n.Dividends, n.Emission = out.Incentive[i], out.Dividends[i], out.Emission[i]
		n.Consensus, n.ValidatorTrust = out.Consensus[i], out.ValidatorTrust[i]
		n.Bonds = nil
		if n.Permit { // bonds are lost with the permit
			n.Bonds = out.Bonds[i]
		}
	}
}

// permit gives permits to those with the most stake, at least the threshold
// and above zero; the lower UID wins a tie.
func (s *state) permit(c Config) {
	var able []int
	for i := range s.Neurons {
		s.Neurons[i].Permit = false
		if stake := s.Stakes[s.Neurons[i].Hotkey]; stake > 0 && stake >= c.StakeThreshold {
			able = append(able, i)
		}
	}
	slices.SortStableFunc(able, func(a, b int) int {
		return cmp.Compare(s.Stakes[s.Neurons[b].Hotkey], s.Stakes[s.Neurons[a].Hotkey])
	})
	for _, i := range able[:min(len(able), c.MaxValidators)] {
		s.Neurons[i].Permit = true
	}
}

// seat finds a UID for a new neuron: a free one, or that of the neuron with
// the least emission that is no longer immune (the longest registered of
// equals). The error is a *chain.Refused with the wait for the first.
func (s *state) seat(block uint64, c Config) (int, error) {
	if len(s.Neurons) < c.MaxNeurons {
		s.Neurons = append(s.Neurons, neuron{})
		return len(s.Neurons) - 1, nil
	}
	best, soonest := -1, ^uint64(0)
	for i, n := range s.Neurons {
		if immune := n.Registered + c.ImmunityPeriod; immune > block {
			soonest = min(soonest, immune-block)
			continue
		}
		if best < 0 || n.Emission < s.Neurons[best].Emission ||
			n.Emission == s.Neurons[best].Emission && n.Registered < s.Neurons[best].Registered {
			best = i
		}
	}
	if best < 0 {
		e := chain.Refuse(chain.TooFast, "all %d uids are taken by neurons that are still immune, wait %d more blocks", c.MaxNeurons, soonest)
		e.WaitBlocks, e.RetryAfter = soonest, c.Until(soonest)
		return 0, e
	}
	s.vacate(uint16(best))
	return best, nil
}

// vacate forgets all that others said of a UID.
func (s *state) vacate(uid uint16) {
	for i := range s.Neurons {
		n := &s.Neurons[i]
		delete(n.Weights, uid)
		for _, pending := range n.Commits {
			delete(pending.Weights, uid)
		}
		if int(uid) < len(n.Bonds) {
			n.Bonds[uid] = 0
		}
	}
	s.Neurons[uid] = neuron{}
}

// snapshot shows s as of block.
func (s *state) snapshot(block uint64, c Config) (*chain.Snapshot, error) {
	h := chain.Header{
		Network: s.Network, Netuid: s.Netuid,
		Block: block, BlockHash: s.blockHash(block), Time: s.timeOf(block),
		NextEpoch: s.NextEpoch, Params: c.Params,
	}
	neurons := make([]chain.Neuron, len(s.Neurons))
	for i, n := range s.Neurons {
		neurons[i] = chain.Neuron{
			UID: uint16(i), Hotkey: n.Hotkey, Coldkey: n.Coldkey, Endpoint: n.Endpoint,
			Stake: s.Stakes[n.Hotkey], ValidatorPermit: n.Permit,
			Registered: n.Registered, LastUpdate: n.LastUpdate,
			Incentive: n.Incentive, Dividends: n.Dividends, Emission: n.Emission,
			Consensus: n.Consensus, ValidatorTrust: n.ValidatorTrust,
		}
	}
	return chain.NewSnapshot(h, neurons)
}

// hash is blake2b-256 over the parts, each with its length.
func hash(parent digest, parts ...any) digest {
	h, err := blake2b.New256(nil)
	if err != nil {
		panic(err) // only for a key that is too long, and there is none
	}
	h.Write(parent[:])
	for _, p := range parts {
		text := fmt.Appendf(nil, "%v", p)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		h.Write(text)
	}
	return digest(h.Sum(nil))
}
