package refmodel

// Redrawn says what a sampler makes of one position, and how nearly it made
// something else of it. Shares and distances are of the cumulative
// distribution after temperature and top_p, [0, 1].
type Redrawn struct {
	ID     int     // the token drawn
	Margin float64 // from the random number to the nearest edge of ID's share; 0 where top_p's edge decides
	Miss   float64 // from the random number to the share of the token asked about: 0 if it was drawn, 1 if it has none
	Share  float64 // the share of the token asked about
}

// Redraw draws as Draw does, once per token, and compares with the token that
// somebody else drew. Slack is by how much top_p may be off: what would be
// drawn from a slightly larger or smaller nucleus counts as near.
func (s *Sampler) Redraw(d *Distribution, token int, slack float64) Redrawn {
	u := s.r.float()
	if s.temperature <= 0 {
		r := Redrawn{ID: d.Best(), Margin: 1, Miss: 1}
		if r.ID == token {
			r.Miss, r.Share = 0, 1
		}
		return r
	}
	r := s.redraw(d, token, u)
	if s.topP == 1 {
		return r
	}
	exact := s.topP
	for _, p := range []float64{exact - slack, min(1, exact+slack)} {
		if p <= 0 {
			continue
		}
		s.topP = p
		near := s.redraw(d, token, u)
		if near.ID != r.ID {
			r.Margin = 0
		}
		r.Margin, r.Miss, r.Share = min(r.Margin, near.Margin), min(r.Miss, near.Miss), max(r.Share, near.Share)
	}
	s.topP = exact
	return r
}

func (s *Sampler) redraw(d *Distribution, token int, u float64) Redrawn {
	total := s.weigh(d)
	if s.topP < 1 {
		total = s.keepNucleus(total)
	}
	r := Redrawn{ID: -1, Miss: 1}
	cum := 0.0
	for v, p := range s.p {
		if p == 0 {
			continue
		}
		from, to := cum/total, (cum+p)/total
		cum += p
		if r.ID < 0 && cum > u*total {
			r.ID, r.Margin = v, edge(u, from, to)
		}
		if v == token {
			r.Share = to - from
			r.Miss = max(0, from-u, u-to)
		}
	}
	if r.ID < 0 { // rounding at the very end of the distribution
		for v, p := range s.p {
			if p > 0 {
				r.ID = v
			}
		}
	}
	return r
}

// edge is the distance from u to the nearer end of [from, to]. The ends of the
// whole distribution are no edges: beyond them nothing else could be drawn.
func edge(u, from, to float64) float64 {
	low, high := u-from, to-u
	if from <= 0 {
		low = 1
	}
	if to >= 1-1e-12 {
		high = 1
	}
	return max(0, min(low, high))
}
