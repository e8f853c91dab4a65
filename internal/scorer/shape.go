package scorer

import (
	"context"
	"math/rand/v2"

	"vision/internal/prompt"
	"vision/internal/task"
)

const (
	// remembered is how many of a kind's last customers' requests shape probes.
	remembered = 1000
	// convincing is from how many on nothing made up is mixed in.
	convincing = 20
)

// shape draws features of requests as customers sent them lately, and texts that
// people wrote. It does not change once made.
type shape struct {
	kinds  map[string][]task.Features // newest first
	tasks  map[string][]task.Features // of them, those that name the task
	corpus Corpus                     // nil: there is none
}

// Corpus has texts that the operator gave. *corpus.Corpus is one.
type Corpus interface {
	// Draw gives a conversation of about as many messages and bytes for a task of
	// the kind; nil if there is none.
	Draw(r *rand.Rand, kind string, turns, bytes int) []prompt.Turn
}

// Draw implements task.Shape. Requests for the task itself are what counts, if
// there are enough; those for others of the kind lend it lengths, but no options:
// its servers may not know them. Lengths are moved by up to a tenth, so that no
// probe is as long as a certain customer's request.
func (s *shape) Draw(r *rand.Rand, t *task.Task) task.Features {
	past, own := s.tasks[t.Name], true
	if len(past) < convincing {
		past, own = s.kinds[t.Kind], false
	}
	if r.IntN(convincing) >= len(past) {
		return task.Plausible{}.Draw(r, t)
	}
	f := past[r.IntN(len(past))]
	if !own && f.Task != t.Name {
		f.Task, f.Options = "", ""
	}
	f.PromptBytes = int(float64(f.PromptBytes) * (0.9 + 0.2*r.Float64()))
	return f
}

// plain leaves out what only some requests have.
type plain struct{ *shape }

// Draw implements task.Shape.
func (p plain) Draw(r *rand.Rand, t *task.Task) task.Features {
	f := p.shape.Draw(r, t)
	f.Options = ""
	return f
}

// fixed has the features of one request, for a probe that sets out with it.
type fixed struct {
	*shape
	features task.Features
}

// Draw implements task.Shape.
func (f *fixed) Draw(*rand.Rand, *task.Task) task.Features { return f.features }

// Written implements task.Shape.
func (s *shape) Written(r *rand.Rand, t *task.Task, turns, bytes int) []prompt.Turn {
	if s.corpus == nil {
		return nil
	}
	return s.corpus.Draw(r, t.Kind, turns, bytes)
}

// learn reads what customers sent lately.
func (s *Scorer) learn(ctx context.Context) error {
	next := shape{kinds: map[string][]task.Features{}, tasks: map[string][]task.Features{}, corpus: s.c.Corpus}
	for _, k := range task.KindNames() {
		past, err := s.c.Store.Features(ctx, k, remembered)
		if err != nil {
			return err
		}
		next.kinds[k] = past
		for _, f := range past {
			if f.Task != "" {
				next.tasks[f.Task] = append(next.tasks[f.Task], f)
			}
		}
	}
	s.shape.Store(&next)
	return nil
}
