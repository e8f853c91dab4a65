package checker

import (
	"crypto/sha256"
	"encoding/json"
	"math"
	"sync"

	"vision/internal/checker/evidence"
	"vision/internal/hotkey"
)

// copies remembers what miners wrote to which prompt, for test E: a miner that
// gives one answer to a prompt under several seeds has kept it. What other
// miners wrote is no evidence, for who copied from whom is not known: see
// coincidence.go.
type copies struct {
	mu    sync.Mutex             // guards the rest
	seen  map[copyKey]*wrote     // at most mostCopies
	known map[[32]byte][]*marked // by prompt; at most mostCopies prompts, and mostMarked of each
}

// mostCopies is how many answers are remembered: some hundred bytes and 12 for each token.
const mostCopies = 4096

type copyKey struct {
	miner  hotkey.ID
	prompt [32]byte // of the request without its seed
}

// wrote is one answer.
type wrote struct {
	sample   int64
	seed     string
	tokens   []int32
	logprobs []float64 // the most of each under the request's own distribution
}

func newCopies() *copies {
	return &copies{seen: map[copyKey]*wrote{}, known: map[[32]byte][]*marked{}}
}

// wrote is the answer as it is to be remembered, and the hash of what it answers;
// nil if the answer is none that can be compared with others.
func (s *sample) wrote(r *evidence.Response) (now *wrote, prompt [32]byte) {
	if s.copies == nil || r.Temperature < evidence.LowestTemperature || !r.IDs || len(r.Positions) == 0 || s.outcome.Miner.IsZero() {
		return nil, prompt
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(s.request, &members) != nil {
		return nil, prompt
	}
	seed := string(members["seed"])
	delete(members, "seed")
	bare, err := json.Marshal(members) // names in order
	if err != nil {
		return nil, prompt
	}
	now = &wrote{sample: s.id, seed: seed}
	for i := range r.Positions {
		p := &r.Positions[i]
		if p.Contrast == nil && !r.Redraw {
			return nil, prompt // how likely it is is not known
		}
		now.tokens = append(now.tokens, int32(p.Token))
		now.logprobs = append(now.logprobs, p.Most)
	}
	return now, sha256.Sum256(bare)
}

// copied gives test E's part, if the miner has answered the prompt before, and
// remembers the answer otherwise.
func (s *sample) copied(r *evidence.Response, now *wrote, prompt [32]byte) []evidence.Part {
	if now == nil {
		return nil
	}
	before := s.copies.put(copyKey{s.outcome.Miner, prompt}, now)
	if before == nil {
		return nil
	}
	same := 0
	for same < min(len(before.tokens), len(now.tokens)) && before.tokens[same] == now.tokens[same] {
		same++
	}
	return []evidence.Part{CopiedPart(before.logprobs, same, s.bounds.Noise/r.Temperature)}
}

// CopiedPart is test E's part of the evidence: see evidence.Copied.
func CopiedPart(logprobs []float64, same int, noise float64) evidence.Part {
	e := evidence.Copied(logprobs, same, noise)
	return evidence.Part{Test: "copies", Weight: 0.25, Tokens: same, Logs: []float64{math.Log(max(e, 1e-300))}}
}

// put gives the answer to the same prompt under another seed; without one it
// remembers now. The same sample, judged again, is compared as it was at first.
func (c *copies) put(key copyKey, now *wrote) *wrote {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.seen[key]
	if before != nil {
		if before.seed == now.seed || before.sample == now.sample {
			return nil
		}
		return before
	}
	if len(c.seen) >= mostCopies {
		for k := range c.seen { // any one
			delete(c.seen, k)
			break
		}
	}
	c.seen[key] = now
	return nil
}
