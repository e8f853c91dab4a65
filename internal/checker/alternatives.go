package checker

import (
	"context"
	"fmt"
	"slices"

	"vision/internal/checker/evidence"
)

// openAlternatives opens what a cheat may run as references of the same make.
func openAlternatives(e engine, c ReferenceConfig, d Deps) (list []Reference, err error) {
	for i, a := range c.Alternatives {
		other := c
		other.URL, other.Model, other.KeyFile = a.URL, a.Model, a.KeyFile
		ref, err := e.open(other, d)
		if err != nil {
			return nil, fmt.Errorf("open alternative %d: %w", i, err)
		}
		if p := ref.Proves(); !p.Score || !p.IDs {
			return nil, fmt.Errorf("engine %q does not score token ids, so nothing can be compared with alternatives", c.Engine)
		}
		list = append(list, ref)
	}
	return list, nil
}

// contrastOthers compares how likely each token is for what a cheat may run: test
// C's concrete alternatives, one more prefill each. One that does not answer for
// any reason is left out, for it only makes the test weaker.
func (q *textQuery) contrastOthers(ctx context.Context, others []Reference, positions []evidence.Position) error {
	if q.temperature > 1 { // servers list too little then, see withTail
		return nil
	}
	var scored [][]evidence.Position
	for _, o := range others {
		sc, err := o.Score(ctx, q)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			scored = append(scored, sc.Positions)
		}
	}
	for i := range positions {
		p := &positions[i]
		if len(p.Top) == 0 {
			continue
		}
		list := make([]listed, len(p.Top))
		for k, t := range p.Top {
			list[k] = listed{t.Token, t.Logprob}
		}
		at := slices.IndexFunc(list, func(l listed) bool { return l.id == p.Token })
		if at < 0 {
			at = len(list)
		}
		own := withTail(list)
		var distributions []evidence.Outcomes
		for _, s := range scored {
			o := own // no evidence where it says nothing of this token
			if i < len(s) && s[i].Token == p.Token && len(s[i].Top) > 0 {
				o = onto(list, s[i].Top)
			}
			distributions = append(distributions, o)
		}
		p.Entropy, p.Variance, p.Top = 0, 0, nil
		p.FillListed(own, at, q.temperature, q.topP, q.noise, distributions...)
	}
	return nil
}

// onto is another model's distribution over the tokens that the reference lists
// and one tail. What the other does not list is as good as impossible for it: any
// distribution makes for evidence, only not for much.
func onto(list []listed, other []evidence.Listed) evidence.Outcomes {
	const unlisted = -12
	mapped := make([]listed, len(list))
	for k, l := range list {
		mapped[k] = listed{l.id, unlisted}
		for _, t := range other {
			if t.Token == l.id {
				mapped[k].logprob = t.Logprob
			}
		}
	}
	return withTail(mapped)
}
