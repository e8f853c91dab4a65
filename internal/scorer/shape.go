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
		return usual(r, t.Kind)
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

// usual makes up features of a kind that nobody has asked for yet.
func usual(r *rand.Rand, kind string) task.Features {
	f := task.Features{Turns: 1, Temperature: -1, TopP: -1}
	switch kind {
	case "chat":
		f.Stream = r.IntN(10) < 7
		f.Turns = 1 + []int{0, 0, 0, 1, 1, 2, 3, 4, 6}[r.IntN(9)]
		f.PromptBytes = length(r, 40, 2400)
		f.Output = []int{64, 100, 128, 200, 256, 400, 512, 1000, 1024}[r.IntN(9)]
	case "completion":
		f.Stream = r.IntN(2) == 0
		f.PromptBytes = length(r, 40, 1600)
		f.Output = []int{16, 32, 64, 100, 128, 256, 512}[r.IntN(7)]
	case "embedding":
		f.Output = []int{1, 1, 1, 2, 4, 8, 16}[r.IntN(7)]
		f.Turns = f.Output
		f.PromptBytes = f.Output * length(r, 30, 600)
		return f
	default: // pictures
		f.PromptBytes = length(r, 20, 240)
		f.Output = []int{4, 8, 20, 20, 28, 30, 50}[r.IntN(7)]
		f.Size = []string{"1024x1024", "512x512", "768x768", "1024x768"}[r.IntN(4)]
		return f
	}
	if r.IntN(3) > 0 {
		f.Temperature = []float64{0, 0.2, 0.5, 0.7, 0.7, 0.8, 1, 1}[r.IntN(8)]
	}
	if r.IntN(4) == 0 {
		f.TopP = []float64{0.8, 0.9, 0.95, 1}[r.IntN(4)]
	}
	return f
}

// length draws from low to high, shorter ones more often.
func length(r *rand.Rand, low, high int) int {
	u := r.Float64()
	return low + int(float64(high-low)*u*u)
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
