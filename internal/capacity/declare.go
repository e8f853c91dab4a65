package capacity

import (
	"errors"
	"fmt"
	"math"
	"time"

	"vision/internal/score"
)

// Can is what a miner can do of one task: it answers so many requests at once, all equally fast, and refuses more.
type Can struct {
	Units    float64 // of a period, with all slots at work, above 0
	Slots    int     // 0: unknown; so many that it does not matter
	Slowdown float64 // how many times as long as alone answers take with all slots at work; 0 is 1
	Maximum  int64   // units that the task counts of any miner; 0: all
}

// many are slots that are so many that what chance rounds does not matter.
const many = 100

// Declaration is what declaring comes to.
type Declaration struct {
	Declared float64 `json:"declared"` // units
	Part     float64 `json:"part"`     // of what it can do
	Credited float64 `json:"credited"` // in the mean of many beacons
	Proof    float64 `json:"proof_factor"`
	Paid     float64 `json:"paid"`
}

// Declare says what it comes to if a miner declares so many units, and slots enough for them, once its credit has settled.
func (r Rules) Declare(can Can, units float64) (Declaration, error) {
	d := Declaration{Declared: units, Part: units / can.Units}
	if !(can.Units >= 1 && can.Units <= everything) || !(units >= 1 && units <= everything) {
		return d, fmt.Errorf("%v units can be done of it and %v are declared, want 1 to %d", can.Units, units, int64(everything))
	}
	if can.Slots < 0 || can.Slots > score.MostAsked {
		return d, fmt.Errorf("it is done with %d slots, want 0 to %d", can.Slots, score.MostAsked)
	}
	slots := can.Slots
	if slots == 0 {
		slots = many
	}
	slow := max(1, can.Slowdown)
	held := r.Period.Seconds() * float64(slots) / can.Units // seconds per unit, with all slots at work
	if !(held > 0) || math.IsInf(held, 0) {
		return d, errors.New("declare: no pace follows from so many units")
	}
	// Requests of at least ten seconds, so that only proportions matter.
	work := int64(min(math.Ceil(10/held), 1<<31))
	took := time.Duration(min(held*float64(work), 1e8) * 1e9)
	maximum := can.Maximum
	if maximum == 0 {
		maximum = everything
	}
	offer := score.Offer{
		Declared: int64(units), Maximum: maximum, StakeShare: 1, PerRequest: work, PerSlot: 1, Length: r.Period,
		Speed: score.Speed{Mean: held / slow, Steepness: 1},
	}
	alone := Single{Served: work, Total: time.Duration(float64(took) / slow)}
	state, err := r.usual(offer, []Single{alone})
	if err != nil {
		return d, err
	}
	s, err := r.settled(state, offer, func(asked, _ int) score.Beacon {
		b := score.Beacon{Asked: asked}
		for range min(asked, slots) {
			b.Answers = append(b.Answers, score.Arrived{Served: work, Elapsed: took})
		}
		return b
	})
	d.Credited, d.Proof, d.Paid = s.credited, s.proof, s.paid
	return d, err
}

// Ladder are parts of what it can do that a miner may think of declaring.
var Ladder = []float64{0.5, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.25, 1.5, 2, 3}
