package calibration

import (
	"vision/internal/checker/evidence"
	"vision/internal/checker/likeness"
)

// Count is what was seen in one bin: of N tokens, those of each outcome but Agrees.
type Count struct {
	N      int `json:"n"`
	Near   int `json:"near,omitempty"`
	Far    int `json:"far,omitempty"`
	Absurd int `json:"absurd,omitempty"`
}

// Counts is what was seen of one stack or alternative.
type Counts struct {
	Name      string `json:"name"`
	Engine    string `json:"engine,omitempty"`  // as miners declare it
	Version   string `json:"version,omitempty"` // of the engine, as the operator gives it
	Responses int    `json:"responses"`
	Positions int    `json:"positions"`
	Text      int    `json:"text,omitempty"` // of the positions, those of texts that were read into tokens again

	Greedy  []Count `json:"greedy,omitempty"`  // test A, by evidence.Bin of the gap
	Redrawn []Count `json:"redrawn,omitempty"` // test B, by evidence.RedrawnBin
	Replay  Parting `json:"replay"`            // test B on a server that only answers

	Likeness *likeness.Counts `json:"likeness,omitempty"` // of pictures or vectors
}

// Parting counts tokens that were the same, and answers that parted.
type Parting struct {
	Same   int `json:"same,omitempty"`
	Parted int `json:"parted,omitempty"`
}

// Add counts a response; noise decides, as in evidence, what is far. A response
// with guilt is an error of whoever declared its stack honest.
func (c *Counts) Add(r *evidence.Response, noise float64) {
	c.Responses++
	if r.Replay != nil {
		c.Replay.Same += r.Replay.Same
		if r.Replay.Parted {
			c.Replay.Parted++
		}
	}
	bounds := evidence.Bounds{Noise: noise}
	for i := range r.Positions {
		p := &r.Positions[i]
		switch {
		case r.Temperature == 0:
			count(&c.Greedy, evidence.Bin(p.Gap), bounds.GreedyOutcome(p))
		case r.Redraw:
			count(&c.Redrawn, evidence.RedrawnBin(p, r.Temperature), bounds.RedrawnOutcome(p, r.Temperature))
		default:
			continue
		}
		c.Positions++
		if !r.IDs && !p.Exact {
			c.Text++
		}
	}
}

// AddLikeness counts a response of pictures or vectors.
func (c *Counts) AddLikeness(r *likeness.Response) {
	if c.Likeness == nil {
		c.Likeness = new(likeness.Counts)
	}
	c.Responses++
	c.Positions += len(r.Items)
	c.Likeness.Add(r)
}

func count(list *[]Count, bin int, o evidence.Outcome) {
	if *list == nil {
		*list = make([]Count, evidence.Bins)
	}
	b := &(*list)[bin]
	b.N++
	switch o {
	case evidence.Near:
		b.Near++
	case evidence.Far:
		b.Far++
	case evidence.Absurd:
		b.Absurd++
	}
}
