package sim

import (
	"cmp"
	"math"
	"slices"
)

// Result is what came of a run.
type Result struct {
	Periods          int
	Operators        []Account
	Dividends        []float64 // of validators, mean over the periods, shares of all dividends
	Trust            []float64 // of validators, mean over the periods: how much of their weights consensus left, [0, 1]
	Success          float64   // part of customers' requests that were answered well, [0, 1]
	Customers        int64
	First50, First95 float64 // seconds to the first output
	Total50, Total95 float64 // seconds to the whole answer
	Synthetic        float64 // validators' own requests, as part of all operators' capacity
	Probes           int64
	Checks           int64
}

// Account is one operator's.
type Account struct {
	Cheat  bool
	Plays  Strategy // what it did
	Income float64  // incentive over the run, in periods' whole incentive
	Cost   float64  // in periods of one GPU at full use
	Useful float64  // share of what all true work is worth: capacity x good answers, by task weight
}

func (s *Sim) result() Result {
	w, t := &s.world, &s.tally
	r := Result{
		Periods:   w.Periods - w.Settle,
		Dividends: t.dividends, Trust: t.trust, Customers: t.customers, Probes: t.probes, Checks: t.checks,
		First50: t.first.at(.5), First95: t.first.at(.95), Total50: t.total.at(.5), Total95: t.total.at(.95),
	}
	for v := range r.Dividends {
		r.Dividends[v] /= float64(r.Periods)
		r.Trust[v] /= float64(r.Periods)
	}
	if n := t.served + t.lost; n > 0 {
		r.Success = float64(t.served) / float64(n)
	}
	gpus := 0.0
	worth := make([]float64, len(w.Tasks))
	useful := make([]float64, len(s.people))
	for i, o := range s.people {
		good := 0.0
		if o.asked > 0 {
			good = float64(o.good) / float64(o.asked)
		}
		for _, id := range o.Servers {
			if v := &s.servers[id]; v.rented == nil {
				useful[i] += v.gpus * o.Pace * good
				gpus += v.gpus
			}
		}
		worth[o.Home] += useful[i]
	}
	for i, o := range s.people {
		a := Account{Cheat: o.cheat, Plays: o.Strategy, Income: o.Total, Cost: o.fixed + o.paid}
		if worth[o.Home] > 0 {
			a.Useful = useful[i] / worth[o.Home] * w.Tasks[o.Home].Weight
		}
		r.Operators = append(r.Operators, a)
	}
	r.Synthetic = t.synthetic / (gpus * float64(w.Periods))
	return r
}

// RankCorrelation is Spearman's, of useful work and income of those operators
// that keep says yes to: 1 if more work always earns more. NaN for fewer than 2.
func (r Result) RankCorrelation(keep func(Account) bool) float64 {
	var work, income []float64
	for _, a := range r.Operators {
		if keep(a) {
			work, income = append(work, a.Useful), append(income, a.Income)
		}
	}
	return correlation(ranks(work), ranks(income))
}

// ranks gives each value's place, equal values the mean of theirs.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

func correlation(a, b []float64) float64 {
	n := float64(len(a))
	if n < 2 {
		return math.NaN()
	}
	var ma, mb, aa, bb, ab float64
	for i := range a {
		ma += a[i] / n
		mb += b[i] / n
	}
	for i := range a {
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
		ab += (a[i] - ma) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}
