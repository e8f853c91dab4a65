package scorer

import (
	"iter"
	"time"

	"vision/internal/outcome"
	"vision/internal/score"
)

// mostRefusals bounds what is kept of one contender.
const mostRefusals = 1024

// refusal is a 429 to a probe, of which only what else ended in the period can
// tell whether it was our doing: the gateway may be in another process, so that
// nobody knew which slots customers' requests took when the probe was sent.
// Requests are written down when they end, which is after the probe.
type refusal struct {
	from, to  time.Time // the probe's
	asked     int64     // the volume that it counts for
	customers int       // customers' requests that were under way with the probe
	own       int       // the validator's own that were
}

// ours says whether the probe should not have been sent, as it is not where
// probes and customers' requests are on one Board: the slots that the miner
// declared were taken, and not by probes alone.
func (d *refusal) ours(slots int) bool {
	return d.customers > 0 && d.own < slots && d.own+d.customers >= slots
}

// refused takes note of an outcome of contender i as far as it matters for
// 429s, and says whether it is one that cannot be counted yet. It is called
// with mu held.
func (b *book) refused(i int32, o *outcome.Outcome) bool {
	b.overlap(i, o)
	if o.Source != outcome.Synthetic || o.Status != outcome.RateLimited || b.contenders[i].Slots <= 0 || len(b.refusals[i]) >= mostRefusals {
		return false
	}
	b.refusals[i] = append(b.refusals[i], refusal{from: o.Start, to: o.End(), asked: volumeAsked(o, b.contenders[i].Offer)})
	return true
}

// see takes note of an attempt that ended in another period.
func (b *book) see(o *outcome.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := b.index[outcome.Pair{Miner: o.Miner, Task: o.Task}]; ok {
		b.overlap(i, o)
	}
}

// overlap tells contender i's refusals of another request that has ended.
func (b *book) overlap(i int32, o *outcome.Outcome) {
	list := b.refusals[i]
	if len(list) == 0 || o.Status == outcome.RateLimited || o.Status == outcome.Ours {
		return // it took no slot, or nobody knows
	}
	end := o.End()
	for j := range list {
		if d := &list[j]; o.Start.Before(d.to) && !end.Before(d.from) {
			if o.Source == outcome.Organic {
				d.customers++
			} else {
				d.own++
			}
		}
	}
}

// judged is the counts of contender i with those of its refusals that are no
// doing of ours. It is called with mu held.
func (b *book) judged(i int32) score.Counts {
	counts := b.contenders[i].counts
	for asked := range b.refusedByMiner(i) {
		_ = counts.Add(score.Answer{Kind: score.RateLimited, Asked: asked}) // it fails at counts that no period comes near
	}
	return counts
}

// judgedState is the state of contender i with the same. It is called with mu
// held, when the period before has closed.
func (b *book) judgedState(i int32) score.State {
	state := b.contenders[i].state
	for asked := range b.refusedByMiner(i) {
		state, _ = b.mechanism.Observe(state, score.Observation{Answer: &score.Answer{Kind: score.RateLimited, Asked: asked}})
	}
	return state
}

// refusedByMiner gives the volume of each of contender i's refusals that are no doing of ours.
func (b *book) refusedByMiner(i int32) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for j := range b.refusals[i] {
			if d := &b.refusals[i][j]; !d.ours(b.contenders[i].Slots) && !yield(d.asked) {
				return
			}
		}
	}
}
