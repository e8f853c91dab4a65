package private

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/blake2b"

	"vision/internal/chain"
	"vision/internal/chain/yuma"
	"vision/internal/hotkey"
)

// Config says where a private network is found.
type Config struct {
	File    string           // the network file
	Weights string           // directory where validators' weights are recorded; made if absent
	Now     func() time.Time // the clock that makes blocks; required
}

// Ledger is a private network. It implements chain.Ledger.
type Ledger struct {
	cfg Config

	mu       sync.Mutex // guards all below
	network  *Network
	stamp    stamp                  // the file that network was read from
	rows     map[hotkey.ID]recorded // what the weights directory holds
	snapshot *chain.Snapshot
}

var _ chain.Ledger = (*Ledger)(nil)

// stamp tells whether a file changed.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the network file and the recorded weights.
func Open(cfg Config) (*Ledger, error) {
	if cfg.Now == nil || cfg.File == "" || cfg.Weights == "" {
		return nil, errors.New("private network: a file, a directory for weights and a clock are wanted")
	}
	if err := os.MkdirAll(cfg.Weights, 0o700); err != nil {
		return nil, fmt.Errorf("private network: %w", err)
	}
	l := &Ledger{cfg: cfg}
	if _, err := l.Snapshot(context.Background()); err != nil {
		return nil, err
	}
	return l, nil
}

// Snapshot implements chain.Ledger.
func (l *Ledger) Snapshot(ctx context.Context) (*chain.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current(ctx)
}

// current reads what changed and gives the snapshot of the clock's block. It
// holds mu.
func (l *Ledger) current(ctx context.Context) (*chain.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reread, err := l.reload()
	if err != nil {
		return nil, fmt.Errorf("private network: %w", err)
	}
	block := blockAt(l.cfg.Now(), l.network.Params.BlockTime)
	if l.snapshot != nil && !reread && l.snapshot.Block == block {
		return l.snapshot, nil
	}
	if l.snapshot != nil && !reread {
		block = max(block, l.snapshot.Block) // the clock went back
	}
	rows, err := readAll(l.cfg.Weights)
	if err != nil {
		return nil, fmt.Errorf("private network: %w", err)
	}
	s, err := build(l.network, rows, block)
	if err != nil {
		return nil, fmt.Errorf("private network: %w", err)
	}
	l.rows, l.snapshot = rows, s
	return s, nil
}

// reload reads the file if it is not the one that was read last.
func (l *Ledger) reload() (bool, error) {
	info, err := os.Stat(l.cfg.File)
	if err != nil {
		return false, err
	}
	found := stamp{info.ModTime(), info.Size()}
	if l.network != nil && found == l.stamp {
		return false, nil
	}
	if found.size > maxFile {
		return false, fmt.Errorf("%s has %d bytes, at most %d are read", l.cfg.File, found.size, maxFile)
	}
	raw, err := os.ReadFile(l.cfg.File)
	if err != nil {
		return false, err
	}
	network, err := Parse(l.cfg.File, raw)
	if err != nil {
		return false, err
	}
	l.network, l.stamp = network, found
	return true, nil
}

// Announce implements chain.Ledger: the file decides where a neuron is, so
// this checks that it agrees with where the signer says it listens.
func (l *Ledger) Announce(ctx context.Context, signer chain.Signer, at chain.Endpoint) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, err := l.current(ctx)
	if err != nil {
		return err
	}
	id := signer.ID()
	m, err := l.member(id)
	if err != nil {
		return fmt.Errorf("announce %s: %w", at, err)
	}
	if err := chain.CheckAnnounce(now, id, at, 0); err != nil {
		return fmt.Errorf("announce %s: %w", at, err)
	}
	if m.Address != at {
		has := string(m.Address)
		if has == "" {
			has = "no address"
		}
		return fmt.Errorf("announce %s: %w", at, chain.Refuse(chain.WrongEndpoint,
			"%s:%d has %s for %s; edit that entry, or this node's own configuration", l.cfg.File, m.Line, has, id))
	}
	return nil
}

// SetWeights implements chain.Ledger: it records the signer's weights.
func (l *Ledger) SetWeights(ctx context.Context, signer chain.Signer, w chain.Weights) (chain.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, err := l.current(ctx)
	if err != nil {
		return chain.Receipt{}, err
	}
	id := signer.ID()
	if err := chain.CheckWeights(now, id, w); err != nil {
		if errors.Is(err, chain.NotRegistered) {
			_, err = l.member(id) // it says which file to edit
		}
		return chain.Receipt{}, fmt.Errorf("set weights: %w", err)
	}
	up := w.Upscaled()
	row := recorded{Hotkey: id, Block: now.Block, VersionKey: w.VersionKey, Weights: map[hotkey.ID]uint16{}}
	for i, uid := range up.UIDs {
		n, _ := now.ByUID(uid)
		row.Weights[n.Hotkey] = up.Values[i]
	}
	path, err := row.write(l.cfg.Weights)
	if err != nil {
		return chain.Receipt{}, fmt.Errorf("set weights: %w", err)
	}
	rows := maps.Clone(l.rows)
	rows[id] = row
	s, err := build(l.network, rows, now.Block)
	if err != nil {
		return chain.Receipt{}, fmt.Errorf("set weights: %w", err)
	}
	l.rows, l.snapshot = rows, s
	return chain.Receipt{Block: now.Block, Counts: now.Block, Ref: path}, nil
}

// member finds the entry of id, or says what to add.
func (l *Ledger) member(id hotkey.ID) (Member, error) {
	for _, m := range l.network.Members {
		if m.Hotkey == id {
			return m, nil
		}
	}
	return Member{}, chain.Refuse(chain.NotRegistered, "%s does not list %s; add it under neurons", l.cfg.File, id)
}

// blockAt counts whole block times since 1970.
func blockAt(now time.Time, blockTime time.Duration) uint64 {
	return uint64(max(now.UnixNano(), 0)) / uint64(blockTime)
}

// build makes the snapshot of a block.
func build(n *Network, rows map[hotkey.ID]recorded, block uint64) (*chain.Snapshot, error) {
	index := make(map[hotkey.ID]int, len(n.Members))
	for i, m := range n.Members {
		index[m.Hotkey] = i
	}
	size := len(n.Members)
	in := yuma.Input{Stake: make([]float64, size), Voting: make([]bool, size), Weights: make([][]float64, size)}
	neurons := make([]chain.Neuron, size)
	for i, m := range n.Members {
		row, set := rows[m.Hotkey]
		permit := m.Role == "validator"
		neurons[i] = chain.Neuron{
			UID: m.UID, Hotkey: m.Hotkey, Coldkey: m.Coldkey, Endpoint: m.Address,
			Stake: m.Stake, ValidatorPermit: permit, LastUpdate: row.Block,
		}
		if !permit {
			continue
		}
		in.Stake[i], in.Voting[i] = float64(m.Stake), set
		if set {
			in.Weights[i] = make([]float64, size)
			for id, w := range row.Weights {
				if j, ok := index[id]; ok {
					in.Weights[i][j] = float64(w)
				}
			}
		}
	}
	out := yuma.Epoch(in)
	for i := range neurons {
		neurons[i].Incentive, neurons[i].Dividends, neurons[i].Emission = out.Incentive[i], out.Dividends[i], out.Emission[i]
		neurons[i].Consensus, neurons[i].ValidatorTrust = out.Consensus[i], out.ValidatorTrust[i]
	}
	h := chain.Header{
		Network: n.Name, Netuid: n.Netuid, Block: block,
		BlockHash: blockHash(n, block),
		Time:      time.Unix(0, int64(block*uint64(n.Params.BlockTime))).UTC(),
		NextEpoch: (block/n.Params.Tempo + 1) * n.Params.Tempo,
		Params:    n.Params,
	}
	return chain.NewSnapshot(h, neurons)
}

// blockHash is the same for all who have the file, and no secret.
func blockHash(n *Network, block uint64) [32]byte {
	text := append([]byte("vision private network\x00"), n.Name...)
	text = append(text, 0)
	text = binary.BigEndian.AppendUint16(text, n.Netuid)
	return blake2b.Sum256(binary.BigEndian.AppendUint64(text, block))
}
