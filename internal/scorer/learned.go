package scorer

import (
	"bytes"
	"math/rand/v2"
	"sync"

	"vision/internal/outcome"
	"vision/internal/task"
)

// What customers wrote may be what probes are made of, if the operator says so
// (scorer.learn_from_customers). It comes from samples, which wait for a check
// anyway; it is in memory only, is bounded, and no text is ever asked again as it was.

const (
	learnedPerTask = 300       // requests that are remembered of one task, the newest
	learnedBytes   = 32 << 10  // of one request; longer ones are not remembered
	learnedInAll   = 256 << 20 // bytes; beyond it nothing new is remembered
	learnedFully   = 200       // from how many on all probes are made of them
)

// learned remembers requests. Its zero value does, nothing yet.
type learned struct {
	mu    sync.Mutex // guards the rest
	tasks map[string]*requests
	bytes int
}

// requests are those of one task; next is where the next goes, once there are
// as many as are remembered.
type requests struct {
	bodies [][]byte
	next   int
}

// add remembers a request as the miner was sent it. Pictures in it are not for
// remembering.
func (l *learned) add(name string, body []byte) {
	if len(body) > learnedBytes || bytes.Contains(body, []byte(`"data:`)) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes+len(body) > learnedInAll {
		return
	}
	if l.tasks == nil {
		l.tasks = map[string]*requests{}
	}
	r := l.tasks[name]
	if r == nil {
		r = &requests{}
		l.tasks[name] = r
	}
	for _, known := range r.bodies { // one that could not be checked comes again
		if bytes.Equal(known, body) {
			return
		}
	}
	body = bytes.Clone(body)
	l.bytes += len(body)
	if len(r.bodies) < learnedPerTask {
		r.bodies = append(r.bodies, body)
		return
	}
	l.bytes -= len(r.bodies[r.next])
	r.bodies[r.next] = body
	r.next = (r.next + 1) % learnedPerTask
}

// draw gives a request of the task and another whose sentences may be mixed in;
// nil where there are too few, or it is the turn of what is made up: few are
// asked rarely, or they would come again too soon.
func (l *learned) draw(r *rand.Rand, name string) (body, donor []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.tasks[name]
	if known == nil || len(known.bodies) < convincing || r.IntN(learnedFully) >= len(known.bodies) {
		return nil, nil
	}
	return known.bodies[r.IntN(len(known.bodies))], known.bodies[r.IntN(len(known.bodies))]
}

// learnFrom remembers what a customer asked whose answer is about to be checked.
func (s *Scorer) learnFrom(sample *outcome.Sample) {
	o := &sample.Outcome
	if s.c.Learn == nil || o.Source != outcome.Organic || !s.c.Learn(o.Key) {
		return
	}
	t, ok := s.c.Catalogue().Lookup(o.Task)
	if !ok {
		return
	}
	kind, ok := task.KindNamed(t.Kind)
	if !ok {
		return
	}
	body, seeded := task.Unseeded(sample.Request)
	if seeded { // was the seed the customer's, or ours?
		if r, err := kind.Parse(body, t); err == nil && !bytes.Equal(s.c.Relay.Payload(o.Request, r, t), sample.Request) {
			body = sample.Request
		}
	}
	s.learned.add(o.Task, body)
}

// makeUp makes up a request: out of what customers wrote, if there is enough and
// it may be used, or else by the kind.
func (s *Scorer) makeUp(r *rand.Rand, kind task.Kind, t *task.Task) task.Request {
	if body, donor := s.learned.draw(r, t.Name); body != nil {
		if request, err := kind.Parse(task.Mutated(r, body, donor), t); err == nil {
			return request
		}
	}
	return kind.Synthesise(r, s.shape.Load(), t)
}
