package scorer

import (
	"time"

	"vision/internal/outcome"
	"vision/internal/score"
)

// A customer's request that a beacon found under way stands for a slot that was busy while it asked. A miner that can tell a
// beacon by what comes at once could hold such requests up meanwhile, answer the beacon on their slots, and end them
// well afterwards. So it is looked at how they went on:
//
//	     first output                       end
//	request ├──┼────────────────────────────┤
//	beacon              ├── window ──┤
//	                    what came in it, against the pace of all
//
// A stream that has begun is held up if what came in the window would have taken far less time at the pace of all of
// it, and at its miner's usual one. So one of a steady pace is never held up, however slow it is; but one in which next to
// nothing comes at all dawdles, and shows no slot either: friends of a miner could hold many such open, at hardly any cost to both. Of an answer
// that comes as a whole, or begins in the window or later, the end is looked at: it is held up if it took longer
// than an answer to a beacon may, and longer than usual by most of the window.
//
// Nothing is said of streams whose readers held them back, nor of those that had begun at a gateway that was told of no beacon, nor
// where a beacon asks but for a moment: then nothing can be held up for its sake.

const (
	// heldFrom is how long a beacon must ask at least for anything to be held up.
	heldFrom = time.Second
	// heldPart is which part of the window a request must have been under way in, or longer than usual by.
	heldPart = 0.8
	// heldSlower is how much slower than in all a stream may be in the window: GPUs with all slots full are.
	heldSlower = 2
	// heldSlack is besides what networks may delay.
	heldSlack = 500 * time.Millisecond
	// dawdling is how many times longer than an answer to a beacon a customer's may take, whose prompts are longer now and then.
	dawdling = 4
	// promptsPerUnit is how many tokens of a customer's prompt may take as long as one unit of output: fewer than GPUs read in
	// that time, which are busy. Who would have a friend keep a slot for long has to have it pay for a very long one.
	promptsPerUnit = 32
)

// pacer is a mechanism that knows the pace of contenders.
type pacer interface {
	Standing(known score.State, offer score.Offer) (score.Standing, error)
	Deadline(known score.State, offer score.Offer, served int64) (time.Duration, error)
}

// pace is what a contender is known to take, as of a beacon. The zero value is nothing.
type pace struct {
	m     pacer
	known score.State
	offer score.Offer
}

// paceOf is a contender's pace; zero if the mechanism knows of none.
func paceOf(m score.Mechanism, known score.State, offer score.Offer) pace {
	p, ok := m.(pacer)
	if !ok {
		return pace{}
	}
	return pace{p, known, offer}
}

// heldUp says whether a customer's request that was under way when a beacon began to ask was held up until it ended.
func (p *pace) heldUp(o *outcome.Outcome, from, until time.Time) bool {
	window := until.Sub(from)
	if p.m == nil || window < heldFrom || o.Blocked > window/10 {
		return false
	}
	most := time.Duration(heldPart * float64(window))
	if begun := o.Stream && o.Arrivals.Chunks > 0 && !o.Start.Add(o.FirstOutput).After(from.Add(window/10)); begun && o.Beacon.Time >= most {
		return o.Beacon.Time > p.allowed(o)
	} else if begun && o.Beacon.Time == 0 || o.End().Sub(from) < most {
		return false
	}
	longest, err := p.m.Deadline(p.known, p.offer, workOf(o))
	if err != nil || o.Total <= longest {
		return false
	}
	standing, err := p.m.Standing(p.known, p.offer)
	usual := p.offer.Speed.Overhead + seconds(standing.PerUnit*float64(o.Work))
	return err == nil && o.Total-usual >= time.Duration(heldPart*float64(window))
}

// dawdled says whether a customer's request took far longer for its work than any that is served.
func (p *pace) dawdled(o *outcome.Outcome) bool {
	if p.m == nil {
		return false
	}
	longest, err := p.m.Deadline(p.known, p.offer, workOf(o))
	return err == nil && o.Total/dawdling > longest
}

// workOf is the work of a customer's request by which its whole time is judged, its prompt's included.
func workOf(o *outcome.Outcome) int64 { return o.Work + o.PromptWork/promptsPerUnit }

// allowed is the longest that what came of a stream in the window may have taken.
func (p *pace) allowed(o *outcome.Outcome) time.Duration {
	longest, err := p.m.Deadline(p.known, p.offer, o.Beacon.Work)
	if err != nil {
		return o.Total
	}
	longest -= p.offer.Speed.Overhead
	output, pieces := o.Total-o.FirstOutput, max(o.Arrivals.Chunks, 1)
	// The first piece is there when the time of the output begins.
	if work := o.Work - o.Work/int64(pieces); work > 0 {
		longest = max(longest, heldSlack+seconds(heldSlower*output.Seconds()*float64(o.Beacon.Work)/float64(work)))
	}
	// Output that comes in pieces may have come just before, and just after.
	return longest + 2*output/time.Duration(pieces)
}

func seconds(s float64) time.Duration {
	return time.Duration(min(max(s, 0), 1e6) * float64(time.Second))
}
