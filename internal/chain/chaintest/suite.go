package chaintest

import (
	"io"
	"testing"

	"vision/internal/chain"
)

// Open opens the backend on w, setting the network up if w.Dir is new. It may
// change w.Params before that where the backend has rules of its own. If the
// ledger is an io.Closer, the suite closes it.
type Open func(t *testing.T, w *World) chain.Ledger

// Run checks that a backend keeps chain.Ledger's promises.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *suite){
		"snapshot shows the network":       testSnapshot,
		"snapshot never changes":           testImmutable,
		"blocks follow the clock":          testBlocks,
		"announce":                         testAnnounce,
		"weights become incentive":         testIncentive,
		"new weights replace old ones":     testReplace,
		"refusals, in order":               testRefusals,
		"rate limit, to the block":         testRateLimit,
		"reopened, it is the same":         testReopen,
		"a call with an ended context":     testContext,
		"calls at once":                    testConcurrent,
		"a single weight to oneself is ok": testSelfWeight,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, w: newWorld(t), open: open}
			s.start()
			for i, m := range s.w.Members {
				if err := s.l.Announce(t.Context(), m.Key, m.Endpoint); err != nil {
					t.Fatalf("member %d cannot announce: %v", i, err)
				}
			}
			s.w.blocks(1)
			test(t, s)
		})
	}
}

type suite struct {
	*testing.T
	w    *World
	open Open
	l    chain.Ledger
}

func (s *suite) start() {
	s.Helper()
	l := s.open(s.T, s.w)
	s.l = l
	if c, ok := l.(io.Closer); ok {
		s.Cleanup(func() { c.Close() })
	}
}

func (s *suite) stop() {
	s.Helper()
	if c, ok := s.l.(io.Closer); ok {
		if err := c.Close(); err != nil {
			s.Fatalf("close: %v", err)
		}
	}
}

func (s *suite) snapshot() *chain.Snapshot {
	s.Helper()
	snap, err := s.l.Snapshot(s.Context())
	if err != nil {
		s.Fatalf("snapshot: %v", err)
	}
	return snap
}

func (s *suite) set(member int, w chain.Weights) chain.Receipt {
	s.Helper()
	r, err := s.l.SetWeights(s.Context(), s.w.Members[member].Key, w)
	if err != nil {
		s.Fatalf("member %d cannot set %v: %v", member, w, err)
	}
	return r
}

// passEpoch moves on until an epoch at or after block has run.
func (s *suite) passEpoch(block uint64) *chain.Snapshot {
	s.Helper()
	for snap := s.snapshot(); ; snap = s.snapshot() {
		last := snap.NextEpoch - s.w.Params.Tempo
		if last >= block && snap.Block > block {
			return snap
		}
		s.w.blocks(snap.NextEpoch - snap.Block)
	}
}

func (s *suite) uid(member int) chain.Neuron {
	s.Helper()
	n, ok := s.snapshot().ByHotkey(s.w.Members[member].Key.ID())
	if !ok {
		s.Fatalf("member %d is gone", member)
	}
	return n
}
