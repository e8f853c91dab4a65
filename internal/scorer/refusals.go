package scorer

import (
	"iter"
	"time"

	"vision/internal/dispatch"
	"vision/internal/outcome"
	"vision/internal/score"
)

// What is kept of one contender: the first so many 429s to probes, and the newest so many to customers' requests, for a
// beacon is soon over.
const (
	mostRefusals         = 1024
	mostCustomerRefusals = 64
)

// refusal is a 429 of which only what else ended in the period can
// tell whether it was our doing: a gateway may be in another process, so that
// it was not known which slots customers' requests, or a beacon's, took when it was sent. (Where it was, a refusal that is
// our doing was excused at once, and is none of these.)
// Requests are written down when they end, which may be after it.
type refusal struct {
	from, to time.Time // of the request that was refused
	asked    int64     // the volume that it counts for
	organic  bool      // a customer's; else a probe
	sent     others    // that were under way when it was sent
	came     others    // and when the refusal came
}

// others are the requests that were under way with one that was refused.
type others struct {
	customers, bursts, probes int
}

// moment is for how long after it was sent a request's refusal may be of what was sent just then, and for how long before
// it came. Not in all of its time: who waits with a refusal while others end and begin could so
// have many more of them beside it than were ever under way at once.
const moment = 100 * time.Millisecond

// add counts one that was under way.
func (n *others) add(source outcome.Source) {
	switch source {
	case outcome.Organic:
		n.customers++
	case outcome.Burst:
		n.bursts++
	default:
		n.probes++
	}
}

// ours says whether the request should not have been sent, as it is not where all are on one Board: the slots that the miner
// declared were taken, by customers' requests of another gateway, say. Not by probes alone, if it is a probe: they are no more than
// was declared, and a miner that is too slow for them has to show it.
func (d *refusal) ours(slots int) bool {
	return d.sent.took(slots, d.organic) || d.came.took(slots, d.organic)
}

// took says whether they left no slot to a customer's request, or to a probe.
func (n *others) took(slots int, organic bool) bool {
	ours := n.customers + n.bursts
	return ours+n.probes >= slots && (organic || ours > 0 && n.probes < slots)
}

// refused takes note of an outcome of contender i as far as it matters for
// 429s, and says whether it is one that cannot be counted yet. It is called
// with mu held.
func (b *book) refused(i int32, o *outcome.Outcome) bool {
	b.overlap(i, o)
	if o.Status != outcome.RateLimited || b.contenders[i].Slots <= 0 {
		return false
	}
	d := refusal{from: o.Start, to: o.End(), asked: volumeAsked(o, b.contenders[i].Offer), organic: o.Source == outcome.Organic}
	switch {
	case o.Source == outcome.Synthetic && len(b.refusals[i]) < mostRefusals:
		b.refusals[i] = append(b.refusals[i], d)
	case d.organic:
		list := b.customerRefusals[i]
		if len(list) == mostCustomerRefusals {
			if first := list[0]; !first.ours(b.contenders[i].Slots) {
				_ = b.take(i, first.answer()) // it fails at counts that no period comes near
			}
			list = list[:copy(list, list[1:])]
		}
		b.customerRefusals[i] = append(list, d)
	default:
		return false
	}
	return true
}

// answer is the refusal as a mechanism sees it.
func (d *refusal) answer() score.Answer {
	return score.Answer{Kind: score.RateLimited, Asked: d.asked, Organic: d.organic}
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
	if o.Status == outcome.RateLimited || o.Status == outcome.Ours {
		return // it took no slot, or nobody knows
	}
	end := o.End()
	if o.Reason == outcome.Preempted {
		end = end.Add(dispatch.Lingers) // the miner takes a moment to notice
	}
	for _, list := range [][]refusal{b.refusals[i], b.customerRefusals[i]} {
		for j := range list {
			d := &list[j]
			if !o.Start.Before(d.to) || end.Before(d.from) {
				continue
			}
			if !o.Start.After(d.from.Add(moment)) {
				d.sent.add(o.Source)
			}
			if !end.Before(d.to.Add(-moment)) {
				d.came.add(o.Source)
			}
		}
	}
}

// judged is the counts of contender i with those of its refusals that are no
// doing of ours. It is called with mu held.
func (b *book) judged(i int32) score.Counts {
	counts := b.contenders[i].counts
	for a := range b.refusedByMiner(i) {
		_ = counts.Add(a) // it fails at counts that no period comes near
	}
	return counts
}

// judgedState is the state of contender i with the same. It is called with mu
// held, when the period before has closed.
func (b *book) judgedState(i int32) score.State {
	state := b.contenders[i].state
	for a := range b.refusedByMiner(i) {
		state, _ = b.mechanism.Observe(state, score.Observation{Answer: &a})
	}
	return state
}

// refusedByMiner gives each of contender i's refusals that are no doing of ours.
func (b *book) refusedByMiner(i int32) iter.Seq[score.Answer] {
	return func(yield func(score.Answer) bool) {
		for _, list := range [][]refusal{b.refusals[i], b.customerRefusals[i]} {
			for j := range list {
				if d := &list[j]; !d.ours(b.contenders[i].Slots) && !yield(d.answer()) {
					return
				}
			}
		}
	}
}
