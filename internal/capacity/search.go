package capacity

import "slices"

// Search looks for the whole number from 1 to Most whose worth is the largest, in few steps, for each costs a
// measurement: it doubles until worth falls, and then halves the gaps beside the best.
//
//	1  2  4  8  16          worth fell from 8 to 16
//	         8     12  16    above the best is room
//	      6  8  10 12        and beside the best again, until the gaps are an eighth of it
type Search struct {
	Most int // at least 1

	tried []tried // ascending
}

type tried struct {
	n     int
	worth float64 // at least 0
}

// Note takes what a number is worth. One that was tried before has its worth replaced.
func (s *Search) Note(n int, worth float64) {
	i, found := slices.BinarySearchFunc(s.tried, n, func(t tried, n int) int { return t.n - n })
	if !found {
		s.tried = slices.Insert(s.tried, i, tried{n: n})
	}
	s.tried[i].worth = worth
}

// nearly is what part of the most is as good as the most: the smallest number that is worth so much is the best.
const nearly = 0.99

// Best is the number worth most of those that were tried, the smallest of those that are about as good; 0 if none was.
func (s *Search) Best() int {
	if len(s.tried) == 0 {
		return 0
	}
	return s.tried[s.best()].n
}

func (s *Search) best() int {
	least := s.nearlyMost()
	return slices.IndexFunc(s.tried, func(t tried) bool { return t.worth >= least })
}

// nearlyMost is the worth that is as good as the most.
func (s *Search) nearlyMost() float64 {
	most := 0.0
	for _, t := range s.tried {
		most = max(most, t.worth)
	}
	return nearly * most
}

// Next is what to try now; false if nothing is left to be found.
func (s *Search) Next() (n int, ok bool) {
	if len(s.tried) == 0 {
		return 1, true
	}
	best, last := s.best(), len(s.tried)-1
	if !s.fell() {
		return min(2*s.tried[last].n, s.Most), true
	}
	at := s.tried[best].n
	fine := max(1, at/8)
	below, above := 0, 0
	if best > 0 {
		below = at - s.tried[best-1].n
	}
	if best < last && !s.flat(best) {
		above = s.tried[best+1].n - at
	}
	switch {
	case above > fine && above >= below:
		return at + (above+1)/2, true
	case below > fine:
		return at - (below+1)/2, true
	}
	return 0, false
}

// flat says whether all that is above the best is about as good: nothing better is to be found between.
func (s *Search) flat(best int) bool {
	least := s.nearlyMost()
	above := s.tried[best+1:]
	return len(above) > 1 && !slices.ContainsFunc(above, func(t tried) bool { return t.worth < least })
}

// fell says whether doubling has gone far enough: worth fell clearly, or twice, or there is no more to double.
func (s *Search) fell() bool {
	best, last := s.best(), len(s.tried)-1
	return s.tried[last].n >= s.Most || last-best >= 2 || s.tried[last].worth <= 0.8*s.tried[best].worth
}
