package eval

import (
	"fmt"
	"math"

	"vision/internal/checker"
	"vision/internal/checker/evidence"
)

// modeOf is how a response is judged; each mode is reported by itself.
func modeOf(r *Response) string {
	if r.Temperature == 0 {
		return modeGreedy
	}
	mode := fmt.Sprintf("T = %g", r.Temperature)
	if r.TopP > 0 && r.TopP < 1 {
		mode += fmt.Sprintf(", top_p = %g", r.TopP)
	}
	if r.Redraw {
		return mode + ", sampler known"
	}
	return mode + ", sampler unknown"
}

const modeGreedy = "T = 0"

// copied is test E's part of a response, if it came after another.
func copied(r *Response, noise float64, tokens int) []evidence.Part {
	if r.Earlier == nil {
		return nil
	}
	n := min(tokens, len(r.Earlier.Logprobs))
	same := min(n, r.Earlier.Same)
	return []evidence.Part{checker.CopiedPart(r.Earlier.Logprobs[:n], same, noise/r.Temperature)}
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
	j := &judged{e: b.Weigh(r, copied(r, b.Noise, len(r.Positions))...).E, tokens: len(r.Positions), check: r.CheckSeconds, write: r.WriteSeconds, distance: math.NaN()}
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
			part.Replay, part.Earlier = nil, nil
		}
		j.segments = append(j.segments, b.Weigh(&part, copied(&part, b.Noise, segment)...))
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
