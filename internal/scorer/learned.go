package scorer

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"sync"

	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/task"
)

// What customers wrote may be what probes are made of, if the operator says so
// (scorer.learn_from_customers). It comes from samples, which wait for a check
// anyway; it is in memory only and bounded. A request is asked again as it was only if it is short and
// nothing is there to cross it with (see operating.md).

const (
	learnedPerTask = 1000      // requests that are remembered of one task, the newest
	learnedBytes   = 32 << 10  // of one request; longer ones are not remembered
	learnedInAll   = 256 << 20 // bytes; beyond it nothing new is remembered
	learnedWhole   = 400       // bytes; what is longer is not asked without anything to cross it with
	learnedFully   = 200       // from how many on all probes are made of them
	learnedOthers  = 3         // that one is crossed with: all are used up for the miner
	learnedAhead   = 1 << 14   // texts that probes set out with, the newest, of which it is remembered who saw them
)

// learned remembers requests. Its zero value does, nothing yet.
type learned struct {
	mu    sync.Mutex // guards the rest
	tasks map[string]*requests
	bytes int
	ahead ahead
}

// ahead remembers who has seen pieces of requests that probes set out with, which are
// remembered themselves only later, if their answers are checked: by hashes of their bodies.
type ahead struct {
	lent map[[sha256.Size]byte][]hotkey.ID
	ring [][sha256.Size]byte // the hashes, oldest at next once there are as many as are remembered
	next int
}

// note adds who sees a request.
func (a *ahead) note(sum [sha256.Size]byte, miners []hotkey.ID) {
	known, is := a.lent[sum]
	if !is {
		if a.lent == nil {
			a.lent = map[[sha256.Size]byte][]hotkey.ID{}
		}
		if len(a.ring) < learnedAhead {
			a.ring = append(a.ring, sum)
		} else {
			delete(a.lent, a.ring[a.next])
			a.ring[a.next] = sum
			a.next = (a.next + 1) % learnedAhead
		}
	}
	a.lent[sum] = with(known, miners)
}

// with adds those that are not in the list.
func with(list, miners []hotkey.ID) []hotkey.ID {
	for _, m := range miners {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
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
	key    int64     // with which it was asked
	body   []byte
	sum    [sha256.Size]byte // of body
	like   string            // of which application, as task.Likeness tells
	used   int               // probes that were made of it
	lent   []hotkey.ID       // who has seen pieces of it
}

// unseen says whether none of some miners was asked it or has seen pieces of it.
func (r *request) unseen(miners []hotkey.ID) bool {
	return !slices.ContainsFunc(miners, func(m hotkey.ID) bool { return m == r.miner || slices.Contains(r.lent, m) })
}

// add remembers a request as the miner was sent it. Pictures in it are not for
// remembering.
func (l *learned) add(sample int64, miner hotkey.ID, key int64, name string, body []byte) {
	like := task.Likeness(body)
	if !learnable(body) || len(like) > learnedBytes {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes+len(body)+len(like) > learnedInAll {
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
	one := request{sample: sample, miner: miner, key: key, body: bytes.Clone(body), sum: sha256.Sum256(body), like: like}
	one.lend(l.ahead.lent[one.sum])
	l.bytes += one.size()
	if len(r.list) < learnedPerTask {
		r.list = append(r.list, one)
		return
	}
	l.bytes -= r.list[r.next].size()
	r.list[r.next] = one
	r.next = (r.next + 1) % learnedPerTask
}

// size is what it takes in memory.
func (r *request) size() int { return len(r.body) + len(r.like) }

// learnable says whether a request may be what a probe is made of.
func learnable(body []byte) bool {
	return len(body) <= learnedBytes && !bytes.Contains(body, []byte(`"data:`))
}

// draw gives a request of the task for miners that have seen nothing of it, or else
// that others were asked, used as little as any, and others of the same application
// that it may be crossed with; nil where
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
		one := &known.list[r.IntN(len(known.list))]
		if !slices.Contains(miners, one.miner) && (least == nil || one.unseen(miners) && !least.unseen(miners) || one.unseen(miners) == least.unseen(miners) && one.used < least.used) {
			least = one
		}
	}
	if least == nil {
		return nil, nil
	}
	least.used++
	least.lend(miners)
	return least.body, known.donors(r, least.like, least, miners)
}

// lend notes who is about to see pieces of a request.
func (r *request) lend(miners []hotkey.ID) { r.lent = with(r.lent, miners) }

// lend notes who is about to see pieces of a request that a probe sets out with, which may be among
// those that are remembered, or be one of them later.
func (l *learned) lend(name string, body []byte, miners []hotkey.ID) {
	sum := sha256.Sum256(body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead.note(sum, miners)
	if known := l.tasks[name]; known != nil {
		for i := range known.list {
			if known.list[i].sum == sum {
				known.list[i].lend(miners)
			}
		}
	}
}

// likes gives requests of the same application, of which some miners have seen nothing.
func (l *learned) likes(r *rand.Rand, name, like string, miners ...hotkey.ID) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.tasks[name]
	if known == nil || len(known.list) < convincing {
		return nil
	}
	return known.donors(r, like, nil, miners)
}

// donors gives requests of an application that one may be crossed with. A miner that sees
// pieces of one sees none of it again, if there are enough, or what is rare would come to it in probes
// alone again and again.
func (known *requests) donors(r *rand.Rand, like string, but *request, miners []hotkey.ID) (others [][]byte) {
	var again [][]byte // rather than what is made up, which is known at once
	for _, i := range r.Perm(len(known.list)) {
		one := &known.list[i]
		switch {
		case one == but || one.like != like || slices.Contains(miners, one.miner):
		case one.unseen(miners):
			one.lend(miners)
			if others = append(others, one.body); len(others) == learnedOthers {
				return others
			}
		case len(again) < learnedOthers:
			again = append(again, one.body)
		}
	}
	if len(others) == 0 {
		return again
	}
	return others
}

// forget forgets what was asked with keys that may not be learned from any more.
func (l *learned) forget(may func(key int64) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.tasks {
		n := len(r.list)
		r.list = slices.DeleteFunc(r.list, func(one request) bool {
			if may(one.key) {
				return false
			}
			l.bytes -= one.size()
			return true
		})
		if len(r.list) < n {
			r.next = 0
		}
	}
}

// Forget forgets what was asked with keys that nothing may be learned from any more.
func (s *Scorer) Forget() {
	if s.c.Learn != nil {
		s.learned.forget(s.c.Learn)
		s.mixing.forget(s.c.Learn)
	}
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
	s.learned.add(sample.ID, o.Miner, o.Key, o.Task, body)
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

// makeLike makes up a request that is like a customer's to another miner: out of it, if
// that may be, or else of its lengths and parameters.
func (s *Scorer) makeLike(r *rand.Rand, one like, kind task.Kind, t *task.Task, miners ...hotkey.ID) task.Request {
	if one.features.Task != t.Name { // the catalogue changed
		return s.makeUp(r, kind, t, miners...)
	}
	if s.c.Learn == nil || !s.c.Learn(one.key) {
		if s.c.Learn != nil { // others agreed
			if body, others := s.learned.draw(r, t.Name, miners...); len(others) > 0 {
				if request, err := kind.Parse(task.Mutated(r, body, others), t); err == nil {
					return request
				}
			}
		}
		return kind.Synthesise(r, &fixed{s.shape.Load(), one.features}, t)
	}
	if one.body == nil { // or it agreed since
		return kind.Synthesise(r, &fixed{s.shape.Load(), one.features}, t)
	}
	others := s.learned.likes(r, t.Name, task.Likeness(one.body), miners...)
	if len(others) == 0 && one.features.PromptBytes > learnedWhole {
		return s.makeUp(r, kind, t, miners...)
	}
	if request, err := kind.Parse(task.Mutated(r, one.body, others), t); err == nil {
		s.learned.lend(t.Name, one.body, miners)
		return request
	}
	return s.makeUp(r, kind, t, miners...)
}
