package sim

import (
	"errors"
	"fmt"
	"math"

	"vision/internal/sampling"
	"vision/internal/score"
)

// World is everything that a run depends on.
type World struct {
	Mechanism score.Mechanism
	Seed      uint64

	Miners  int     // operators; the first is the protagonist, the second its equal
	Periods int     // that the run lasts
	Settle  int     // periods at the start whose income and costs are not counted: the network is being founded, and nobody is known
	Period  float64 // seconds of one
	Tasks   []Service
	Stakes  []float64 // of the validators, any unit

	Demand float64 // what customers ask for on average, as a share of honest operators' capacity
	Bursty float64 // how many times the usual a burst of customers' demand is; 1: none
	Daily  float64 // amplitude of the daily wave of demand, [0, 1)

	Power     float64 // chance that a check of a cheaper model's answer ends failed, after it was run again
	False     float64 // the same for an honest answer
	Errors    float64 // chance that an honest operator fails a request
	Outage    float64 // chance per period that an honest operator is away for a part of it
	Churn     float64 // chance per period that an operator leaves and a newcomer takes its place
	Telling   float64 // chance that an operator guesses right whether a request is a customer's, [0.5, 1]
	Repeats   float64 // chance that a prompt was asked before
	FollowUps float64 // chance that a customer's request continues a conversation
	Salted    bool    // tasks have their own weights, which no outside API serves
	Skew      float64 // the most by which a validator's clock is off, seconds
	Pooling   Pooling // what validators make of one another's checks
	Reveal    int     // periods that pass before weights that were set are shown and count, as on a ledger with commit and reveal

	Sampling sampling.Config

	Window float64 // seconds for which a beacon asks: what is answered sooner is asked for again
	Apart  bool    // beacons come for each validator and task alone, not for all at once

	Margin   float64 // what the honest protagonist earns above its cost, as a share of it
	Energy   float64 // share of a busy GPU's cost that it saves when idle, [0, 1)
	Fee      float64 // for registering an identity, in periods of one GPU's cost
	Load     float64 // seconds until GPUs that are rented can serve: the task's model is loaded
	Rental   float64 // seconds for which they are rented at the least
	APIPrice float64 // of an outside API per unit of work, in cost of a fully used GPU's

	Protagonist Strategy // nil: honest
	Cheats      float64  // share of the other operators that cheat
	Rogues      []Strategy
	Alone       bool // the second operator is not there: its GPUs are the protagonist's
}

// Service is one task as operators and customers see it.
type Service struct {
	Name    string
	Weight  float64 // how many operators are drawn to it, relative to others; a run pays for it what they own
	Units   float64 // mean work of a request
	Spread  float64 // sigma of the logarithm of a request's work
	PerUnit float64 // seconds of service alone per unit, on the usual GPU
	Prompt  float64 // mean seconds of service alone before the first output
}

// Lone is the mean seconds of service of a request alone on a GPU.
func (s Service) Lone() float64 { return s.Prompt + s.Units*s.PerUnit }

// Constants of all worlds.
const (
	gpuSlots  = 8    // requests that one GPU holds at once
	gpuKnee   = 24   // running 24 more on one GPU makes each take twice as long: 1.29 times at 8
	overhead  = 0.5  // seconds that a task grants each answer beyond its work
	leeway    = 1.2  // the task's mean pace, in that of a request alone
	warmth    = 0.15 // of a prompt's service where its beginning is in the cache
	tries     = 3    // miners that one customer's request is put to
	apiPace   = 1.1  // of an outside API, in service alone
	apiDelay  = 0.25 // seconds that relaying adds
	rateOver  = 8    // periods over which checks are counted for how much is checked, as scorer.RateWindow
	apiCaught = 0.9  // chance that a check catches an API's answer where the task is salted
)

// Default is the world of all published figures: 60 operators, 5 validators,
// 3 tasks, 72 periods of an hour.
func Default(m score.Mechanism) World {
	return World{
		Mechanism: m, Seed: 1, Miners: 60, Periods: 72, Period: 3600,
		Tasks: Services(3), Stakes: []float64{40, 25, 15, 12, 8},
		Demand: 0.22, Bursty: 2.5, Daily: 0.5,
		Power: 0.15, False: 0.001, Errors: 0.0005, Outage: 0.004, Churn: 0.002, Telling: 0.6, Repeats: 0.05, FollowUps: 0.4,
		Salted: true, Skew: 1,
		Sampling: sampling.Default(), Window: 5,
		Margin: 0.5, Energy: 0.3, Fee: 0.5, Load: 20, Rental: 60, APIPrice: 1,
	}
}

// Services makes n tasks of different lengths and paces, with weights that fall slowly.
func Services(n int) []Service {
	kinds := []Service{
		{Name: "chat", Units: 400, Spread: 0.7, PerUnit: 0.02, Prompt: 0.5},
		{Name: "image", Units: 30, Spread: 0.3, PerUnit: 0.25, Prompt: 0.2},
		{Name: "long", Units: 900, Spread: 0.8, PerUnit: 0.012, Prompt: 1.2},
		{Name: "small", Units: 250, Spread: 0.6, PerUnit: 0.024, Prompt: 0.3},
	}
	out := make([]Service, n)
	total := 0.0
	for i := range out {
		out[i] = kinds[i%len(kinds)]
		out[i].Name = fmt.Sprintf("%s-%02d", out[i].Name, i+1)
		out[i].Weight = 1 / math.Sqrt(float64(i+2))
		total += out[i].Weight
	}
	for i := range out {
		out[i].Weight /= total
	}
	return out
}

// Validate says everything that is wrong with the world.
func (w World) Validate() error {
	var wrong []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	share := func(name string, x, least, most float64) {
		want(x >= least && x <= most, "%s is %v, want %v to %v", name, x, least, most)
	}
	want(w.Mechanism != nil, "no mechanism")
	want(w.Miners >= 4 && w.Miners <= 4096, "%d miners, want 4 to 4096", w.Miners)
	want(w.Periods >= 4 && w.Periods <= 10000, "%d periods, want 4 to 10000", w.Periods)
	share("the period's length in seconds", w.Period, 60, 1e6)
	want(len(w.Tasks) >= 1 && len(w.Tasks) <= 64, "%d tasks, want 1 to 64", len(w.Tasks))
	want(len(w.Tasks) <= w.Miners, "%d tasks for %d miners, want at most one for each", len(w.Tasks), w.Miners)
	want(len(w.Stakes) >= 1 && len(w.Stakes) <= 64, "%d validators, want 1 to 64", len(w.Stakes))
	for _, s := range w.Stakes {
		share("a validator's stake", s, 1e-9, 1e12)
	}
	share("demand", w.Demand, 0, 2)
	share("burstiness", w.Bursty, 1, 20)
	share("the daily wave", w.Daily, 0, 0.99)
	share("power", w.Power, 0, 1)
	share("the rate of false alarms", w.False, 0, 0.5)
	share("the rate of errors", w.Errors, 0, 0.5)
	share("outage", w.Outage, 0, 0.5)
	share("churn", w.Churn, 0, 0.5)
	share("telling", w.Telling, 0.5, 1)
	share("repeats", w.Repeats, 0, 1)
	share("follow-ups", w.FollowUps, 0, 1)
	share("a beacon's window in seconds", w.Window, 0, 60)
	share("clock skew in seconds", w.Skew, 0, 30)
	want(w.Settle >= 0 && w.Settle < w.Periods, "%d periods that do not count, want less than the %d that are played", w.Settle, w.Periods)
	want(w.Pooling <= Pooled, "no way %d to pool checks", w.Pooling)
	want(w.Reveal >= 0 && w.Reveal <= 1000, "weights revealed after %d periods, want 0 to 1000", w.Reveal)
	share("margin", w.Margin, 0.01, 100)
	share("energy", w.Energy, 0, 0.99)
	share("the fee", w.Fee, 0, 1e6)
	share("the time to load a model", w.Load, 0, 86400)
	share("the least rental", w.Rental, 0, 1e6)
	share("the API's price", w.APIPrice, 0, 1000)
	share("the share of cheats", w.Cheats, 0, 0.9)
	want(w.Cheats == 0 || len(w.Rogues) > 0, "no strategies for the cheats")
	if err := w.Sampling.Validate(); err != nil {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}
