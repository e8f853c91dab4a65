package scorer

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"vision/internal/dispatch"
	"vision/internal/hotkey"
	"vision/internal/outcome"
	"vision/internal/period"
	"vision/internal/relay"
	"vision/internal/task"
)

// A probe now and then goes to a second contender of its task at the same
// instant, the same but for its id and so its seed, and both answers are checked: the
// checker tells whether two who should draw by themselves wrote the same.
// Nothing in either request says that there is another.
const (
	pairedIn    = 8 // one in so many of the probes that can tell anything, on average
	suspectedIn = 2 // of those of a miner whose answers were another's lately: then of both
	joinedPart  = 4 // a contender is the second of at most one in so many of the probes planned for it, and of one
)

// coldest is the temperature below which the checker compares no answers: at 0 all
// honest ones are the same. See evidence.LowestTemperature.
const coldest = 0.15

// second is a probe's other half.
type second struct {
	i     int32 // the contender's number in the book
	call  relay.Call
	begun dispatch.Begun
}

// companion draws the contender that the probe may be asked of too; not ok
// mostly.
func (s *Scorer) companion(b *book, t turn, kind task.Kind) (c period.Contender, ok bool) {
	if kind.Evidence() != task.Tokens {
		return c, false
	}
	r := rand.New(rand.NewChaCha8(b.seed("pair", t.Miner, t.Task, t.Number)))
	among, in := b.joinable(t, s.partners.of(outcome.Pair{Miner: t.Miner, Task: t.Task})), suspectedIn
	if len(among) == 0 {
		among, in = b.others(t), pairedIn
	}
	if len(among) == 0 || r.IntN(in) > 0 {
		return c, false
	}
	return among[r.IntN(len(among))], true
}

// paired makes the other half of a probe, for the contender drawn, and counts it as
// begun. Not ok: the request cannot tell anything, or there is no room for it.
func (s *Scorer) paired(b *book, c period.Contender, first *relay.Call) (other second, ok bool) {
	if temperature := first.Request.Features().Temperature; temperature >= 0 && temperature < coldest {
		return other, false
	}
	if _, chosen := first.Request.Seed(); chosen {
		return other, false // both would draw the same
	}
	if s.c.Sampling.Rate(outcome.Synthetic, c.Task, c.Miner) <= 0 || s.c.Sampling.Rate(outcome.Synthetic, first.Task.Name, first.Peer.Miner) <= 0 {
		return other, false // checks are far behind
	}
	if other.i, ok = b.joins(c); !ok {
		return other, false
	}
	select {
	case s.free <- struct{}{}:
	default:
		b.parts(other.i)
		return other, false
	}
	if s.c.Board != nil {
		if other.begun, ok = s.c.Board.TryBegin(c.Task, c.Miner, true); !ok {
			<-s.free
			b.parts(other.i)
			return other, false
		}
	}
	other.call = s.callOf(outcome.Synthetic, first.Request, first.Task, first.Kind, relay.Peer{Miner: c.Miner, Addr: s.addrOf(c)})
	other.call.Keep, first.Keep = true, true
	b.note(func(st *Stats) { st.Paired++ })
	return other, true
}

// joinable lists those of some miners that may be asked what another is asked at its turn.
func (b *book) joinable(t turn, of []hotkey.ID) (list []period.Contender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, miner := range of {
		if i, ok := b.index[outcome.Pair{Miner: miner, Task: t.Task}]; ok && b.joinableAt(int(i), t) {
			list = append(list, b.contenders[i].Contender)
		}
	}
	return list
}

// others lists all that may be.
func (b *book) others(t turn) (list []period.Contender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.contenders {
		if b.joinableAt(i, t) {
			list = append(list, b.contenders[i].Contender)
		}
	}
	return list
}

// joinableAt is called with mu held.
func (b *book) joinableAt(i int, t turn) bool {
	c := &b.contenders[i]
	return c.Task == t.Task && c.Miner != t.Miner && c.mayJoin()
}

// mayJoin says whether a contender may be asked what another is: not when it has been
// asked all that is planned for it, which would make one more. It is called with mu held.
func (c *contender) mayJoin() bool {
	return c.asked() < c.Probes && int(c.joined) < max(1, c.Probes/joinedPart)
}

// joins notes that a contender is asked what another is, and gives its number. This stands
// for one of the probes planned for it; not ok if by now there is none to stand for.
func (b *book) joins(c period.Contender) (i int32, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok = b.index[outcome.Pair{Miner: c.Miner, Task: c.Task}]; !ok || !b.contenders[i].mayJoin() {
		return 0, false
	}
	b.contenders[i].joined++
	b.contenders[i].taken++
	return i, true
}

// parts takes a joining back that came to nothing.
func (b *book) parts(i int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.contenders[i].joined--
	b.contenders[i].taken--
}

// partners are the miners whose answers were each other's lately. Its zero value knows of none.
type partners struct {
	mu    sync.Mutex // guards known
	known map[outcome.Pair]map[hotkey.ID]bool
}

// set replaces what is known.
func (p *partners) set(copies []outcome.Copied) {
	next := map[outcome.Pair]map[hotkey.ID]bool{}
	for i := range copies {
		join(next, &copies[i])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = next
}

// add adds one more.
func (p *partners) add(c outcome.Copied) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[outcome.Pair]map[hotkey.ID]bool{}
	}
	join(p.known, &c)
}

// join adds both to each other's.
func join(known map[outcome.Pair]map[hotkey.ID]bool, c *outcome.Copied) {
	for _, miner := range []hotkey.ID{c.Miner, c.Other} {
		pair := outcome.Pair{Miner: miner, Task: c.Task}
		if known[pair] == nil {
			known[pair] = map[hotkey.ID]bool{}
		}
		known[pair][c.Partner(miner)] = true
	}
}

// of lists the miners whose answers were the pair's, in order.
func (p *partners) of(pair outcome.Pair) []hotkey.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.SortedFunc(maps.Keys(p.known[pair]), hotkey.ID.Compare)
}
