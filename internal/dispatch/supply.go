package dispatch

import (
	"time"
)

// Supply is what a task's miners can give now.
type Supply struct {
	Miners   int     // contenders with capacity
	Ready    int     // those that may be asked now
	Slots    int64   // requests that Ready miners would take now, of those that say
	Capacity int64   // units, all of the period
	Left     int64   // units, what is left of it
	First    float64 // average seconds to a stream's first output; 0 is unknown
	Pace     float64 // average seconds per unit of a whole answer; 0 is unknown
}

// Supply sums a task up.
func (b *Board) Supply(task string, now time.Time) Supply {
	var sum Supply
	f := b.now.Load().fields[task]
	if f == nil {
		return sum
	}
	q := query{now: now.UnixNano(), usual: f.usual}
	sum.First, sum.Pace = f.usual.first.value(), f.usual.pace.value()
	for i := range f.seats {
		s := &f.seats[i]
		sum.Miners++
		sum.Capacity += s.Capacity
		sum.Left += max(s.Capacity-s.Used(), 0)
		if s.standing(&q) == Ready {
			sum.Ready++
			if s.Slots > 0 {
				sum.Slots += s.Slots - s.InFlight()
			}
		}
	}
	return sum
}

// Seats calls f for each contender of a task, ascending by miner.
func (b *Board) Seats(task string, f func(*Seat)) {
	if field := b.now.Load().fields[task]; field != nil {
		for i := range field.seats {
			f(&field.seats[i])
		}
	}
}

// Trips is how many breakers have opened in a task so far.
func (b *Board) Trips(task string) int64 {
	if f := b.now.Load().fields[task]; f != nil {
		return f.usual.trips.Load()
	}
	return 0
}
