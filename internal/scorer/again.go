package scorer

import (
	"math/rand/v2"
	"time"

	"vision/internal/score"
)

// mostPutOff is how many turns of one contender wait to be tried again at most.
const mostPutOff = 8

// putOff holds the turns that found no free slot, each of which has an entry in
// the queue: a miner must not be spared its tests by being kept busy. They are
// forgotten at a restart, as all that is missed then.
type putOff struct {
	last  uint32
	turns map[uint32]postponed
	each  map[int32]int // turns of a contender
}

type postponed struct {
	number, tries int
}

// take gives the turn of an entry and forgets it.
func (p *putOff) take(d due) postponed {
	t := p.turns[d.again]
	delete(p.turns, d.again)
	if p.each[d.i]--; p.each[d.i] == 0 {
		delete(p.each, d.i)
	}
	return t
}

// putOff lets a turn come again a little later, at a random moment and ever
// more rarely. It says no when the time for asking is over, or too many wait. Either
// way the turn is given back.
func (b *book) putOff(t turn, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.contenders[t.i].taken--
	length := b.End.Sub(b.Start)
	// Seconds at first, of an hour; about a minute in the end.
	wait := min(length/1000<<min(t.Tries, 4), length/60)
	wait = wait/2 + rand.N(max(wait, 1))
	return b.requeue(t.i, postponed{t.Number, t.Tries + 1}, now.Sub(b.Start)+wait)
}

// requeue is called with mu held.
func (b *book) requeue(i int32, p postponed, at time.Duration) bool {
	if at > score.Asked(b.End.Sub(b.Start)) || b.again.each[i] >= mostPutOff || b.again.last+1 == 0 {
		return false
	}
	b.again.last++
	b.again.turns[b.again.last] = p
	b.again.each[i]++
	b.queue.push(due{at: at, i: i, again: b.again.last})
	b.rouse()
	return true
}
