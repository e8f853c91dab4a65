package scorer

import (
	"math/rand/v2"
	"sync"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/task"
)

// mixedAmong is how many of a task's customers' requests, those that probes set out with lately,
// a probe is drawn from that is to be like one.
const mixedAmong = 16

// like is what a probe is to be like: a customer's request to another miner. It does not change.
type like struct {
	miner    hotkey.ID // who was asked
	key      int64     // whose request it was
	features task.Features
	body     []byte // as it was sent, without our seed; nil unless the project agreed and it may be learned from
}

// likeOf is what is kept of a request that a probe sets out with.
func (s *Scorer) likeOf(a dispatch.Asked, t *task.Task) like {
	l := like{miner: a.Miner, key: a.Key, features: a.Request.Features()}
	if s.c.Learn == nil || !s.c.Learn(a.Key) || l.features.Task != t.Name { // or the catalogue changed
		return l
	}
	body := s.c.Relay.Payload(a.ID, a.Request, t)
	if _, chosen := a.Request.Seed(); !chosen {
		body, _ = task.Unseeded(body)
	}
	if learnable(body) {
		l.body = body
	}
	return l
}

// mixing holds requests that probes set out with, for others to be like. A probe that were like the
// very request that it sets out with would come beside it: an owner of both miners saw two alike at
// one instant, of which one is a probe. Drawn from the last few it has like ones before it, as customers'
// requests have. Each is drawn once. The zero value holds none.
type mixing struct {
	mu    sync.Mutex // guards tasks
	tasks map[string][]like
}

// swap puts a request in and draws one that did not go to a miner; not ok while there are too few.
func (m *mixing) swap(r *rand.Rand, name string, miner hotkey.ID, one like) (like, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.tasks[name]
	if len(list) < mixedAmong {
		if m.tasks == nil {
			m.tasks = map[string][]like{}
		}
		m.tasks[name] = append(list, one)
		return like{}, false
	}
	for _, i := range r.Perm(len(list)) {
		if list[i].miner != miner {
			one, list[i] = list[i], one
			return one, true
		}
	}
	return one, one.miner != miner
}

// forget forgets what was written with keys that may not be learned from any more.
func (m *mixing) forget(may func(key int64) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, list := range m.tasks {
		for i := range list {
			if list[i].body != nil && !may(list[i].key) {
				list[i].body = nil
			}
		}
	}
}
