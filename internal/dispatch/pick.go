package dispatch

import (
	"math/bits"
	"slices"

	"vision/internal/hotkey"
)

// State is what is known of one candidate at the moment of choosing.
type State struct {
	Wait     float64 // seconds expected to the output that the caller waits for, > 0
	Success  float64 // chance of a good answer, (0, 1]
	InFlight int64   // requests under way, >= 0
	Slots    int64   // requests at once that it takes; 0 is unknown
	Left     float64 // share of its capacity that is left this period, [0, 1]
}

// Standing says when a candidate may be asked.
type Standing uint8

const (
	Ready   Standing = iota // may be asked
	Spare                   // only when nobody is Ready
	Tripped                 // only when nobody is Spare either
	Closed                  // not now
)

const (
	// reserve is the share of capacity at which the last of it weighs as much
	// as the first: a candidate with none left costs 1/reserve times as much.
	reserve = 0.1
	// unknownSlots stands for the slots of a candidate that declared none.
	unknownSlots = 8
	// minSuccess keeps costs finite.
	minSuccess = 0.01
)

// Cost is what asking the candidate is expected to cost, in seconds. It is
// finite and positive, and rises with wait, failures, load and use.
func Cost(s State) float64 {
	slots := float64(s.Slots)
	if s.Slots <= 0 {
		slots = max(unknownSlots, float64(s.InFlight)+1)
	}
	// An answer's time grows as 1/(1 - load): with one more slot than declared
	// in the denominator, the last slot is dear but not infinitely so.
	load := (slots + 1) / max(slots+1-float64(s.InFlight), 1)
	use := 1 / (reserve + (1-reserve)*min(max(s.Left, 0), 1))
	return s.Wait / max(s.Success, minSuccess) * load * use
}

// query is what is asked of candidates.
type query struct {
	now    int64 // Unix nanoseconds
	stream bool
	usual  *usual
	tried  []hotkey.ID
}

func (q *query) excludes(s *Seat) bool {
	return len(q.tried) > 0 && slices.Contains(q.tried, s.Miner)
}

// draws is how often a random seat is drawn before all are looked at.
const draws = 6

// pick gives the index of the seat to ask, or -1 when no one may be. u1 and u2
// are uniform over all of uint64.
func (f *field) pick(q *query, u1, u2 uint64) int {
	seats := f.seats
	a := f.draw(q, u1)
	b := f.draw(q, u2)
	if a < 0 || b < 0 {
		// Few are Ready, or none is: look at all of them, once.
		standing, n := best(seats, q)
		if n == 0 {
			return -1
		}
		a = nth(seats, q, standing, below(u1, n))
		b = nth(seats, q, standing, below(u2, n))
		if a < 0 || b < 0 { // another goroutine changed a standing meanwhile
			return max(a, b)
		}
	}
	if a != b && Cost(seats[b].state(q)) < Cost(seats[a].state(q)) {
		return b
	}
	return a
}

// draw gives one of the Ready seats that are not excluded, by their shares, or -1
// if it met none in a few draws.
func (f *field) draw(q *query, u uint64) int {
	for range draws {
		if len(f.seats) == 0 {
			return -1
		}
		i := f.shares.Draw(u)
		if s := &f.seats[i]; s.standing(q) == Ready && !q.excludes(s) {
			return i
		}
		u = mix(u)
	}
	return -1
}

// best gives the best standing that a seat has and how many have it; 0 when
// all are Closed or excluded.
func best(seats []Seat, q *query) (Standing, int) {
	var count [Closed]int
	for i := range seats {
		if s := seats[i].standing(q); s < Closed && !q.excludes(&seats[i]) {
			count[s]++
		}
	}
	for s, n := range count {
		if n > 0 {
			return Standing(s), n
		}
	}
	return Closed, 0
}

// nth gives the n-th seat of a standing that is not excluded.
func nth(seats []Seat, q *query, standing Standing, n int) int {
	last := -1
	for i := range seats {
		if seats[i].standing(q) == standing && !q.excludes(&seats[i]) {
			last = i
			if n == 0 {
				break
			}
			n--
		}
	}
	return last
}

// below maps a uniform u to [0, n).
func below(u uint64, n int) int {
	hi, _ := bits.Mul64(u, uint64(n))
	return int(hi)
}

// mix is the finaliser of splitmix64: another uniform number from u.
func mix(u uint64) uint64 {
	u += 0x9e3779b97f4a7c15
	u = (u ^ u>>30) * 0xbf58476d1ce4e5b9
	u = (u ^ u>>27) * 0x94d049bb133111eb
	return u ^ u>>31
}
