package scorer

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/task"
)

// What customers wrote may be what probes are made of, if the operator says so
// (scorer.learn_from_customers). It comes from samples, which wait for a check
// anyway; it is in memory only, is bounded, and no request is ever asked again as it was
// (parts of it are: see operating.md).

const (
	learnedPerTask = 1000      // requests that are remembered of one task, the newest
	learnedBytes   = 32 << 10  // of one request; longer ones are not remembered
	learnedInAll   = 256 << 20 // bytes; beyond it nothing new is remembered
	learnedFully   = 200       // from how many on all probes are made of them
	learnedOthers  = 12        // that one is crossed with
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
	list []request
	next int
}

// request is one that is remembered.
type request struct {
	sample int64
	miner  hotkey.ID // who was asked, and would know it again
	body   []byte
	like   string // of which application, as task.Likeness tells
	used   int    // probes that were made of it
}

// add remembers a request as the miner was sent it. Pictures in it are not for
// remembering.
func (l *learned) add(sample int64, miner hotkey.ID, name string, body []byte) {
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
	for i := range r.list { // one that could not be checked comes again
		if r.list[i].sample == sample {
			return
		}
	}
	one := request{sample: sample, miner: miner, body: bytes.Clone(body), like: task.Likeness(body)}
	l.bytes += len(body)
	if len(r.list) < learnedPerTask {
		r.list = append(r.list, one)
		return
	}
	l.bytes -= len(r.list[r.next].body)
	r.list[r.next] = one
	r.next = (r.next + 1) % learnedPerTask
}

// draw gives a request of the task for miners that others were asked, used as
// little as any, and others of the same application that it may be crossed with; nil where
// there are too few, or it is the turn of what is made up: few are asked rarely, or
// they would come again too soon.
func (l *learned) draw(r *rand.Rand, name string, miners ...hotkey.ID) (body []byte, others [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.tasks[name]
	if known == nil || len(known.list) < convincing || r.IntN(learnedFully) >= len(known.list) {
		return nil, nil
	}
	var least *request
	for range 16 { // nearly the least used, at little cost
		if one := &known.list[r.IntN(len(known.list))]; !slices.Contains(miners, one.miner) && (least == nil || one.used < least.used) {
			least = one
		}
	}
	if least == nil {
		return nil, nil
	}
	least.used++
	for _, i := range r.Perm(len(known.list)) {
		if one := &known.list[i]; one != least && !slices.Contains(miners, one.miner) && one.like == least.like {
			if others = append(others, one.body); len(others) == learnedOthers {
				break
			}
		}
	}
	return least.body, others
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
	s.learned.add(sample.ID, o.Miner, o.Task, body)
}

// maker makes up a request.
type maker func(r *rand.Rand, kind task.Kind, t *task.Task, miners ...hotkey.ID) task.Request

// makeUpPlain makes up a request that has nothing but what every one of its kind has.
func (s *Scorer) makeUpPlain(r *rand.Rand, kind task.Kind, t *task.Task, _ ...hotkey.ID) task.Request {
	return kind.Synthesise(r, plain{s.shape.Load()}, t)
}

// makeUp makes up a request: out of what customers wrote, if there is enough and
// it may be used, or else by the kind.
func (s *Scorer) makeUp(r *rand.Rand, kind task.Kind, t *task.Task, miners ...hotkey.ID) task.Request {
	if body, others := s.learned.draw(r, t.Name, miners...); len(others) > 0 { // alone it would be asked again as it was
		if request, err := kind.Parse(task.Mutated(r, body, others), t); err == nil {
			return request
		}
	}
	return kind.Synthesise(r, s.shape.Load(), t)
}
