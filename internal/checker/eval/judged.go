package eval

import (
	"math"

	"vision/internal/checker/evidence"
)

// Modes are how responses are judged; each is reported by itself.
const (
	modeGreedy     = "T = 0"
	modeRedrawn    = "T > 0, sampler known"
	modeLikelihood = "T > 0, sampler unknown"
)

func modeOf(r *Response) string {
	switch {
	case r.Temperature == 0:
		return modeGreedy
	case r.Redraw:
		return modeRedrawn
	}
	return modeLikelihood
}

// segment is how many tokens are weighed together where lengths in tokens are
// asked for: evidence at 64 tokens must not know what comes after.
const segment = 64

// judged is what is kept of a response: no positions, for there are many.
type judged struct {
	e        float64
	tokens   int
	segments []evidence.Result
	sizes    []int             // tokens of each
	steps    []evidence.Result // the same in pieces of step tokens

	ranksFail bool
	distance  float64

	check, write float64 // seconds
}

func judge(r *Response, b *evidence.Bounds) *judged {
	j := &judged{e: b.Weigh(r).E, tokens: len(r.Positions), check: r.CheckSeconds, write: r.WriteSeconds, distance: math.NaN()}
	if r.Guilt != "" {
		j.steps = []evidence.Result{b.Weigh(r)}
		j.ranksFail = r.Guilt == "malformed"
		j.segments, j.sizes = []evidence.Result{b.Weigh(r)}, []int{segment}
		return j
	}
	j.ranksFail, j.distance = oldRule(r)
	for from := 0; from < len(r.Positions); from += segment {
		part := *r
		part.Positions = r.Positions[from:min(len(r.Positions), from+segment)]
		if from > 0 {
			part.Replay = nil
		}
		j.segments = append(j.segments, b.Weigh(&part))
		j.sizes = append(j.sizes, len(part.Positions))
	}
	if len(r.Positions) == 0 {
		j.segments, j.sizes = []evidence.Result{b.Weigh(r)}, []int{segment}
	}
	j.steps = steps(r, b)
	for i := range j.segments {
		forgetDetails(&j.segments[i])
	}
	return j
}

// forgetDetails drops what is for people.
func forgetDetails(r *evidence.Result) {
	for k := range r.Parts {
		r.Parts[k].Detail = ""
	}
	r.Detail = ""
}
