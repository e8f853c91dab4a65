package checker

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"vision/internal/checker/evidence"
	"vision/internal/hotkey"
	"vision/internal/outcome"
)

// marked is an answer as other miners' answers to the same prompt are compared
// with it: hashes of its landmarks, and nothing of its text.
type marked struct {
	miner   hotkey.ID
	request string
	seed    string
	marks   []evidence.Landmark
	hashes  []beginning // of each landmark
}

// beginning is the hash of the tokens up to a landmark.
type beginning [32]byte

// mostMarked is how many answers to one prompt are remembered.
const mostMarked = 8

// coincidence says which other miner wrote the same under another seed, with
// a probability below evidence.Unlikely; of several the least likely. It remembers the answer.
func (s *sample) coincidence(r *evidence.Response, now *wrote, prompt [32]byte) (found outcome.Copy) {
	if now == nil {
		return found
	}
	mine := &marked{miner: s.outcome.Miner, request: s.outcome.Request, seed: now.seed,
		marks: evidence.Landmarks(now.logprobs, s.bounds.Noise/r.Temperature)}
	for i := range mine.marks {
		mine.marks[i].LogP = max(mine.marks[i].LogP, -math.MaxFloat32) // a token may be impossible
	}
	mine.hashes = hashed(now.tokens, mine.marks)
	for _, other := range s.copies.meet(prompt, mine) {
		if n := shared(other, now.tokens); n > 0 {
			if m := other.marks[n-1]; m.LogP < found.LogP {
				found = outcome.Copy{Request: mine.request, Other: other.miner, To: other.request, Tokens: m.Tokens, LogP: m.LogP}
			}
		}
	}
	return found
}

// shared counts the landmarks of an answer that tokens begin with.
func shared(other *marked, tokens []int32) (n int) {
	for i, h := range hashed(tokens, other.marks) {
		if h != other.hashes[i] {
			break
		}
		n++
	}
	return n
}

// hashed gives the hash of the tokens up to each landmark that they reach.
func hashed(tokens []int32, marks []evidence.Landmark) (list []beginning) {
	h := sha256.New()
	at := 0
	for _, m := range marks {
		if m.Tokens > len(tokens) {
			break
		}
		for ; at < m.Tokens; at++ {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], uint32(tokens[at]))
			h.Write(b[:])
		}
		list = append(list, beginning(h.Sum(nil)))
	}
	return list
}

// meet gives what other miners wrote to the prompt under other seeds before, and
// remembers the answer, unless it has no landmarks or is there already: one that
// is judged again meets whom it met at first, so that two are told of each other once.
func (c *copies) meet(prompt [32]byte, mine *marked) (others []*marked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.known[prompt]
	for _, o := range all {
		if o.request == mine.request {
			return others
		}
		if o.miner != mine.miner && o.seed != mine.seed {
			others = append(others, o)
		}
	}
	if len(mine.marks) == 0 || len(all) >= mostMarked {
		return others
	}
	if len(all) == 0 && len(c.known) >= mostCopies {
		for k := range c.known { // any one
			delete(c.known, k)
			break
		}
	}
	c.known[prompt] = append(all, mine)
	return others
}
