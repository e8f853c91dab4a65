package score

import "time"

// A beacon holds its slots busy for a while: what is answered sooner is asked
// again, what is refused is not. So counted by requests a slot that answers fast
// would weigh as much as many that refuse. Each slot weighs the same instead:
//
//	slot 1   good good good good    4 x 1/4 of a slot
//	slot 2   good good              2 x 1/2: its answers were longer
//	slot 3   good refused           1 x 1/3: a good slot was asked 3 times on average
//	slot 4   refused                nothing

// Divide says of how many requests a slot is made up. It changes asked, the requests sent to
// each slot that count, to that: a slot that did not answer all of them was cut short, and would have been asked as often as
// those that did, on average. It gives the number of slots that were asked at all.
func Divide(asked, answered []int) (slots int) {
	good, requests := 0, 0
	for i, n := range asked {
		if n > 0 {
			slots++
			if answered[i] == n {
				good++
				requests += n
			}
		}
	}
	if good == 0 {
		return slots
	}
	mean := (2*requests + good) / (2 * good) // rounded
	for i, n := range asked {
		if n > answered[i] {
			asked[i] = max(n, mean)
		}
	}
	return slots
}

// shortest is the least time for which an answer to a beacon is taken to hold a slot.
const shortest = 50 * time.Millisecond

// usual is the seconds that a typical request takes at the task's mean pace.
func (o Offer) usual() float64 {
	return max(shortest.Seconds(), o.Speed.Overhead.Seconds()+float64(o.Speed.Mean*float64(max(o.PerRequest, 1))))
}

// Rounds is how often a beacon that asks for so long asks a slot whose answers take the task's mean time, at least 1.
func (o Offer) Rounds(window time.Duration) float64 {
	return 1 + max(window, 0).Seconds()/o.usual()
}

// AtMost is how often a beacon that asks for so long asks each of n slots: four times
// as often as usual answers allow, and never more than can be counted. Who answers at once, with garbage, is not asked thousands of times.
func (o Offer) AtMost(window time.Duration, n int) int {
	often := 2 + int(min(4*max(window, 0).Seconds()/o.usual(), MostAsked))
	return max(1, min(often, MostAsked/max(n, 1)))
}

func (b *Beacon) slots() int {
	if b.Slots > 0 {
		return b.Slots
	}
	return b.Asked
}
