package sim

import (
	"math"
	"math/rand/v2"
)

// demand makes up customers' requests: a Poisson process whose rate follows a
// daily wave and switches between quiet and bursts.
type demand struct {
	rand    *rand.Rand
	world   *World
	rate    float64   // mean requests a second
	parts   []float64 // chance of each task, cumulated
	voters  []float64 // chance of each validator, cumulated
	burst   bool
	changes float64 // when burst changes next
	calm    float64 // factor of quiet times, so that the mean is kept
	waveAt  float64 // steps of the daily wave until that which wave is of
	wave    float64 // its height, [-1, 1]
	next    float64 // when the next request comes
}

const (
	burstShare = 0.1 // of the time is in bursts
	burstMean  = 300 // seconds that one lasts on average
	day        = 86400
	waveStep   = 10 // seconds for which the daily wave is taken to stand still
)

func newDemand(w *World, capacity []float64, stakes []float64) *demand {
	d := &demand{rand: stream(w.Seed, ofDemand), world: w, voters: cumulate(stakes)}
	perTask := make([]float64, len(w.Tasks))
	for t, task := range w.Tasks {
		perTask[t] = w.Demand * capacity[t] / w.Period / task.Units
		d.rate += perTask[t]
	}
	d.parts = cumulate(perTask)
	d.calm = (1 - burstShare*w.Bursty) / (1 - burstShare)
	if d.calm < 0.1 {
		d.calm = 0.1
	}
	d.changes = d.rand.ExpFloat64() * burstMean / burstShare * (1 - burstShare)
	d.next = 0
	d.advance()
	return d
}

// factor is the rate at a time, in that of the mean.
func (d *demand) factor(t float64) float64 {
	f := d.calm
	if d.burst {
		f = d.world.Bursty
	}
	if at := math.Floor(t / waveStep); at != d.waveAt {
		d.waveAt, d.wave = at, math.Sin(2*math.Pi*at*waveStep/day)
	}
	return f * (1 + d.world.Daily*d.wave)
}

// advance draws when the next request comes, by thinning.
func (d *demand) advance() {
	if d.rate <= 0 {
		d.next = math.Inf(1)
		return
	}
	t := d.next
	for {
		most := d.calm * (1 + d.world.Daily)
		if d.burst {
			most = d.world.Bursty * (1 + d.world.Daily)
		}
		t += d.rand.ExpFloat64() / (d.rate * most)
		if t >= d.changes { // the process has no memory: it starts anew at the new rate
			t = d.changes
			d.burst = !d.burst
			mean := burstMean * 1.0
			if !d.burst {
				mean = burstMean / burstShare * (1 - burstShare)
			}
			d.changes += d.rand.ExpFloat64() * mean
			continue
		}
		if d.rand.Float64()*most <= d.factor(t) {
			d.next = t
			return
		}
	}
}

// wish is what a request asks for.
type wish struct {
	task     int
	units    int32   // work of an honest answer
	prompt   float64 // seconds of service before the first output, from a cold cache
	repeated bool    // the prompt was asked before
}

// draw makes up a request to a task. Probes and beacons draw in the same way.
func (w *World) draw(r *rand.Rand, task int) wish {
	t := &w.Tasks[task]
	return wish{
		task:     task,
		units:    int32(max(heavyTailed(r, t.Units, t.Spread), 1)),
		prompt:   heavyTailed(r, t.Prompt, 0.6),
		repeated: r.Float64() < w.Repeats,
	}
}

func cumulate(parts []float64) []float64 {
	out := make([]float64, len(parts))
	total := 0.0
	for i, p := range parts {
		total += p
		out[i] = total
	}
	for i := range out {
		if total > 0 {
			out[i] /= total
		}
	}
	return out
}

// choose maps a uniform number to an index by cumulated chances.
func choose(cumulated []float64, u float64) int {
	for i, c := range cumulated {
		if u < c {
			return i
		}
	}
	return len(cumulated) - 1
}
