package outcome

import "time"

// MaxFloor is the most that a round trip takes off an answer's time. The
// kernel of the miner's host takes part in measuring it, so it must not be
// worth much to answer acknowledgements late.
const MaxFloor = 250 * time.Millisecond

// Late is by how much a stream's output came later than spread evenly over its
// time, at least 0: twice the mean arrival, less Total. It is the time to the
// first output of a stream that flows evenly from then on, whatever its chunks;
// all of Total where everything comes in one burst at the end; and a first chunk
// that runs ahead of the rest hardly changes it.
func (o *Outcome) Late() time.Duration {
	if !o.Stream || o.Arrivals.Mean <= 0 {
		return 0
	}
	return max(0, 2*o.Arrivals.Mean-o.Total)
}

// FirstUseful is the time to a stream's first output for whoever compares miners
// by it: a first chunk that runs ahead of the rest does not shorten it. 0 if no
// output came.
func (o *Outcome) FirstUseful() time.Duration {
	if o.FirstOutput <= 0 {
		return 0
	}
	return max(o.FirstOutput, o.Late()-o.Blocked) // of what came while the caller did not read, nothing is known
}

// Taken is how long the answer took its reader, for a task that allows any
// answer an overhead: its time, less the round trip, and a stream's lateness as far
// as it exceeds the overhead once more. A stream that flows from within the overhead
// on so takes its time, and one that is held back and comes at once up to twice.
//
// The truth lies between least and most, which differ where the caller kept the
// miner waiting: when that output came is not known.
func (o *Outcome) Taken(overhead time.Duration) (least, most time.Duration) {
	floor := max(0, min(o.Floor, MaxFloor, o.FirstOutput))
	least, most = o.Total-floor, o.Total+o.Blocked-floor
	if late := o.Late(); o.Stream && o.Arrivals.Mean > 0 {
		slack := overhead + floor
		least += max(0, late-o.Blocked-slack)
		most += max(0, late+2*o.Blocked-slack)
	}
	return max(0, least), max(0, most)
}
